"""The digest of a plan: the same for the same plan, and another where a goal or a step differs.

Shapes of pulumi's sdk/go/common/apitype/plan.go.
"""

import copy
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promotion.plan import plan_digest

SECRET = "4dabf18193072939515e22adb298388d"
"""The mark of a secret in Pulumi's JSON."""
CHART = "urn:pulumi:dev::moe-serving::kubernetes:helm.sh/v4:Chart::keda"
CLUSTER = "urn:pulumi:dev::moe-serving::aws:eks/cluster:Cluster::main"

_NAMES = st.sampled_from(["a", "b", "replicas", "version"])
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 5) | st.sampled_from(["x", "y"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_NAMES, inner, max_size=2),
    max_leaves=4,
)
_DIFFS = st.fixed_dictionaries(
    {},
    optional={
        "adds": st.dictionaries(_NAMES, _VALUES, max_size=2),
        "updates": st.dictionaries(_NAMES, _VALUES, max_size=2),
        "deletes": st.lists(_NAMES, max_size=2),
    },
)
_GOALS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["aws:eks/cluster:Cluster", "kubernetes:core/v1:Pod"]),
        "name": _NAMES,
        "custom": st.booleans(),
        "inputDiff": _DIFFS,
        "outputDiff": _DIFFS,
        "protect": st.booleans(),
    }
)
_STEPS = st.lists(st.sampled_from(["same", "create", "update", "delete", "replace"]), max_size=3)
_RESOURCES = st.dictionaries(
    st.sampled_from([CHART, CLUSTER]), st.tuples(st.none() | _GOALS, _STEPS), max_size=2
)


def of_one_run(resources: Mapping[str, tuple[Any, list[str]]], run: str) -> dict[str, Any]:
    """The saved plan; `run` is in all that differs from run to run."""
    return {
        "version": 1,
        "plan": {
            "manifest": {"time": f"2026-11-28T12:00:0{len(run)}Z", "magic": run, "version": ""},
            "resourcePlans": {
                urn: {
                    "goal": goal,
                    "steps": steps,
                    "state": {"lastTransitionTime": run},
                    "seed": run.encode().hex(),
                }
                for urn, (goal, steps) in resources.items()
            },
        },
    }


def digest(saved: Mapping[str, Any]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plan.json"
        file.write_text(json.dumps(saved))
        return plan_digest(file)


@settings(deadline=None)
@given(_RESOURCES)
def test_it_is_the_same_for_the_same_plan(resources: dict[str, Any]) -> None:
    one, other = of_one_run(resources, "a"), of_one_run(resources, "bcd")
    assert one != other
    assert digest(one) == digest(other)
    backwards = dict(reversed(list(resources.items())))
    assert digest(of_one_run(backwards, "a")) == digest(one)
    assert digest(one["plan"]) == digest(one), "as versions without an envelope have it"


@settings(deadline=None)
@given(_RESOURCES, _RESOURCES)
def test_it_differs_where_a_goal_or_a_step_does(one: dict[str, Any], other: dict[str, Any]) -> None:
    # Python holds 1 and True for equal, and the engine does not.
    are_same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (digest(of_one_run(one, "a")) == digest(of_one_run(other, "a"))) == are_same


def encrypted(ciphertext: str, **more: str) -> dict[str, Any]:
    secret = {SECRET: "1b47061264138c4ac30d75fd1eb44270", "ciphertext": ciphertext, **more}
    diff = {"adds": {"password": secret, "list": [secret]}}
    return of_one_run({CHART: ({"inputDiff": diff}, ["create"])}, "a")


def test_it_is_the_same_for_the_same_secret_encrypted_anew() -> None:
    assert digest(encrypted("v1:AAAA")) == digest(encrypted("v1:BBBB"))
    assert digest(encrypted("v1:AAAA")) != digest(encrypted("v1:AAAA", more="1"))


def test_a_property_that_is_called_so_is_no_ciphertext() -> None:
    """Such as a key of a ConfigMap."""

    def configured(value: str) -> dict[str, Any]:
        diff = {"updates": {"data": {"ciphertext": value}}}
        return of_one_run({CHART: ({"inputDiff": diff}, ["update"])}, "a")

    assert digest(configured("one")) != digest(configured("two"))


def of_plan(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    resources = {
        CHART: ({"inputDiff": {"updates": {"version": "1"}}, "protect": False}, ["update"]),
        CLUSTER: ({"inputDiff": {}, "protect": True}, ["same"]),
    }
    saved = of_one_run(copy.deepcopy(resources), "a")
    change(saved["plan"]["resourcePlans"])
    return saved


@pytest.mark.parametrize(
    "change",
    [
        lambda plans: plans[CHART]["goal"]["inputDiff"]["updates"].update(version="2"),
        lambda plans: plans[CLUSTER]["goal"].update(protect=False),
        lambda plans: plans[CLUSTER].update(goal=None),
        lambda plans: plans[CLUSTER]["steps"].append("replace"),
        lambda plans: plans.pop(CLUSTER),
        lambda plans: plans.update({f"{CHART}2": plans[CHART]}),
    ],
)
def test_each_kind_of_other_plan_has_another_digest(
    change: Callable[[dict[str, Any]], object],
) -> None:
    assert digest(of_plan(change)) != digest(of_plan(lambda plans: None))


def test_a_plan_of_nothing_has_a_digest() -> None:
    assert digest({}) == digest({"plan": {"resourcePlans": {}}})
    assert len(digest({})) == 64
