from typing import Any

import pytest
from pulumi_policy import PolicyResource

from policies.availability.disruption_budget import POLICY
from tests.policies.engine_group import BUDGET, LABELS, around, group
from tests.policies.engine_input import (
    DIGEST,
    TYPES,
    UNKNOWN,
    Said,
    check_stack,
    pod,
    resource,
    server,
    workload,
)

SELECTOR = {"matchLabels": LABELS}


def served(kind: str = "Deployment", container: Any = None, **spec: Any) -> PolicyResource:
    props = workload(kind, pod(server() if container is None else container))
    props["metadata"]["namespace"] = "serving"
    props["spec"]["template"]["metadata"] = {"labels": LABELS}
    props["spec"] |= spec
    return resource(TYPES[kind], "model-server", props)


def judge(*servers: PolicyResource, **budget: Any) -> Said:
    given = around(BUDGET, {"selector": SELECTOR, **budget})
    return check_stack(POLICY, [*(servers or (served(),)), given])


@pytest.mark.parametrize(
    ("replicas", "budget"),
    [
        (None, {"minAvailable": 1}),
        (1, {"minAvailable": "1%"}),
        (2, {"minAvailable": 2}),
        (2, {"minAvailable": 3}),
        (4, {"minAvailable": "100%"}),
        (4, {"minAvailable": "76%"}),
        (3, {"maxUnavailable": 0}),
        (3, {"maxUnavailable": "0%"}),
    ],
)
@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "StatefulSet"])
def test_a_budget_that_lets_nothing_go_is_refused(
    kind: str, replicas: int | None, budget: dict[str, Any]
) -> None:
    said = judge(served(kind, replicas=replicas), **budget).only()
    field, number = next(iter(budget.items()))
    assert said.startswith(f'PodDisruptionBudget "moe": found {field} {number}')
    assert f'for the servers of {kind} "model-server", so no node' in said
    assert "fix: set spec.maxUnavailable to 1" in said


@pytest.mark.parametrize(
    ("replicas", "budget"),
    [
        (1, {"maxUnavailable": 1}),
        (1, {"maxUnavailable": "1%"}),
        (2, {"minAvailable": 1}),
        (4, {"minAvailable": "75%"}),
        (1, {"minAvailable": 0}),
        (0, {"minAvailable": 1}),
        (1, {}),
    ],
)
def test_budgets_that_are_allowed(replicas: int, budget: dict[str, Any]) -> None:
    assert judge(served(replicas=replicas), **budget).nothing


def test_servers_of_one_budget_are_counted_together() -> None:
    two = served(), served("StatefulSet")
    assert judge(*two, minAvailable=1).nothing
    assert "of 2" in judge(*two, minAvailable=2).only()


def test_others_are_nobodys_business() -> None:
    other = served(container={"name": "web", "image": f"tools/train@{DIGEST}"})
    assert judge(other, minAvailable=1).nothing
    assert judge(minAvailable=1, selector={"matchLabels": {"app": "other"}}).nothing


def test_a_group_is_refused_where_its_size_does_not_matter() -> None:
    engines = resource(TYPES["LeaderWorkerSet"], "model-server", group())
    assert judge(engines, minAvailable=2).nothing
    assert "leader" in judge(engines, maxUnavailable=0).only()


@pytest.mark.parametrize(
    ("server_", "budget", "unknown"),
    [
        (served(replicas=UNKNOWN), {"minAvailable": 1}, "replicas"),
        (served(), {"minAvailable": UNKNOWN}, "minAvailable"),
        (served(), {"maxUnavailable": UNKNOWN}, "maxUnavailable"),
        (served(), {"maxUnavailable": "some"}, "neither a number of pods nor a percentage"),
    ],
)
def test_what_cannot_be_read_is_said_to_be_unchecked(
    server_: PolicyResource, budget: dict[str, Any], unknown: str
) -> None:
    said = judge(server_, **budget)
    assert not said.refusals
    assert unknown in said.unchecked[0]
