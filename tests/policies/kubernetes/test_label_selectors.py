from typing import Any

import pytest
from pulumi_policy.proxy import UnknownValueError

from policies.kubernetes.label_selectors import Kind, is_selected
from policies.kubernetes.workloads import Pod
from policies.review import Place
from tests.policies.engine_group import BUDGET, NETWORK_POLICY, around
from tests.policies.engine_input import UNKNOWN, proxied

LABELS = {"app": "moe", "tier": "gpu"}


def is_meant(
    selector: Any, labels: Any = LABELS, *, kind: Kind = "NetworkPolicy", namespace: Any = "serving"
) -> bool:
    template = proxied({"metadata": {"labels": labels}, "spec": {}})
    workload = proxied({"metadata": {"namespace": namespace}})
    pod = Pod(Place("pod", ""), (), "Deployment", workload, template, None, False)
    is_network = kind == "NetworkPolicy"
    spec = {"podSelector" if is_network else "selector": selector}
    return is_selected(pod, kind, [around(NETWORK_POLICY if is_network else BUDGET, spec)])


def expression(operator: str, *values: Any, key: str = "app") -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("selector", "selects"),
    [
        ({"matchLabels": {"app": "moe"}}, True),
        ({"matchLabels": {"app": "moe", "tier": "gpu"}}, True),
        ({"matchLabels": {"app": "moe", "tier": "cpu"}}, False),
        ({"matchLabels": {"stage": "1"}}, False),
        ({"matchLabels": {}}, True),
        ({}, True),
        (expression("In", "moe", "dense"), True),
        (expression("In", "dense"), False),
        (expression("NotIn", "dense"), True),
        (expression("NotIn", "moe"), False),
        (expression("NotIn", "moe", key="stage"), True),
        (expression("Exists"), True),
        (expression("Exists", key="stage"), False),
        (expression("DoesNotExist"), False),
        (expression("DoesNotExist", key="stage"), True),
        (expression("Likes", "moe"), False),
        ({"matchLabels": {"app": "moe"}} | expression("Exists", key="stage"), False),
        ({"matchLabels": {"app": "moe"}} | expression("Exists", key="tier"), True),
    ],
)
def test_selectors_mean_what_kubernetes_says(selector: Any, selects: bool) -> None:
    assert is_meant(selector) is selects
    assert is_meant(selector, kind="PodDisruptionBudget") is selects


def test_no_selector_means_all_pods_to_a_network_policy_and_none_to_a_budget() -> None:
    assert is_meant(None)
    assert not is_meant(None, kind="PodDisruptionBudget")


def test_another_namespace_has_other_pods() -> None:
    assert not is_meant({}, namespace="other")
    assert is_meant({}, namespace=UNKNOWN)


@pytest.mark.parametrize("odd", [None, "app", {"app": 7}, {"app": ["moe"]}, []])
def test_odd_labels_match_nothing(odd: Any) -> None:
    assert not is_meant({"matchLabels": {"app": "moe"}}, odd)


@pytest.mark.parametrize(
    ("selector", "labels"),
    [
        (UNKNOWN, LABELS),
        ({"matchLabels": UNKNOWN}, LABELS),
        ({"matchLabels": {"app": UNKNOWN}}, LABELS),
        ({"matchLabels": {"app": "moe"}}, {"app": UNKNOWN}),
        ({"matchLabels": {"app": "moe"}}, UNKNOWN),
        (expression("In", UNKNOWN), LABELS),
        ({"matchExpressions": [UNKNOWN]}, LABELS),
    ],
)
def test_an_unknown_that_could_decide_is_raised(selector: Any, labels: Any) -> None:
    with pytest.raises(UnknownValueError):
        is_meant(selector, labels)


def test_an_unknown_beside_what_decides_is_none() -> None:
    assert not is_meant(
        {"matchExpressions": [UNKNOWN, *expression("Exists", key="stage")["matchExpressions"]]}
    )
    assert is_meant({"matchLabels": {"app": "moe"}}, {"app": "moe", "tier": UNKNOWN})
