"""Against the table of Kubernetes' own test of ToleratesTaint, and rules that hold for all."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi_policy.proxy import UnknownValueError

from policies.kubernetes.tolerations import Effect, Taint, Toleration, is_tolerated
from tests.policies.engine_input import FUZZ, UNKNOWN, proxied

GPU = Taint("nvidia.com/gpu", "present", "NoSchedule")
EFFECTS: tuple[Effect, Effect] = ("NoSchedule", "NoExecute")

names = st.sampled_from(["", "a", "b", "nvidia.com/gpu"])
taints = st.builds(Taint, key=names.filter(bool), value=names, effect=st.sampled_from(EFFECTS))
tolerations = st.builds(
    Toleration,
    key=names,
    operator=st.sampled_from(["Equal", "Exists", "Lt", "exists"]),
    value=names,
    effect=st.sampled_from(["", *EFFECTS, "PreferNoSchedule"]),
    limited=st.booleans(),
)


def fields(toleration: Toleration) -> dict[str, object]:
    """As a pod has it: what is empty is left out."""
    given = {
        "key": toleration.key,
        "operator": toleration.operator,
        "value": toleration.value,
        "effect": toleration.effect,
        "tolerationSeconds": 300 if toleration.limited else None,
    }
    return {name: value for name, value in given.items() if value}


@pytest.mark.parametrize(
    ("toleration", "tolerates"),
    [
        (Toleration("nvidia.com/gpu", "Exists", effect="NoSchedule"), True),
        (Toleration("nvidia.com/gpu", "Exists"), True),
        (Toleration("", "Exists"), True),
        (Toleration("nvidia.com/gpu", value="present"), True),
        (Toleration("nvidia.com/gpu", value="absent"), False),
        (Toleration("nvidia.com/gpu"), False),
        (Toleration("nvidia.com", "Exists"), False),
        (Toleration("nvidia.com/gpu", "Exists", effect="NoExecute"), False),
        (Toleration("", "Equal", value="present"), False),
        (Toleration("nvidia.com/gpu", "Gt", value="1"), False),
        (Toleration("nvidia.com/gpu", "Exists", limited=True), True),
    ],
)
def test_examples(toleration: Toleration, tolerates: bool) -> None:
    assert toleration.tolerates(GPU) is tolerates


def test_one_that_ends_does_not_keep_a_pod_on_the_node() -> None:
    drained = replace(GPU, effect="NoExecute")
    assert not Toleration("", "Exists", limited=True).tolerates(drained)
    assert Toleration("", "Exists").tolerates(drained)


@given(taints)
def test_an_empty_key_that_exists_tolerates_all(taint: Taint) -> None:
    assert Toleration(operator="Exists").tolerates(taint)


@given(tolerations, taints)
def test_an_empty_effect_is_every_effect(toleration: Toleration, taint: Taint) -> None:
    named = replace(toleration, effect=taint.effect)
    assert replace(toleration, effect="").tolerates(taint) == named.tolerates(taint)


@given(tolerations, taints)
def test_what_exists_does_not_ask_for_the_value(toleration: Toleration, taint: Taint) -> None:
    asks = replace(toleration, operator="Exists")
    assert asks.tolerates(taint) == asks.tolerates(replace(taint, value="another"))


@given(tolerations, taints)
def test_exists_tolerates_what_equal_does(toleration: Toleration, taint: Taint) -> None:
    if replace(toleration, operator="Equal").tolerates(taint):
        assert replace(toleration, operator="Exists").tolerates(taint)


@FUZZ
@given(st.lists(tolerations, max_size=4), taints)
def test_a_list_tolerates_what_one_of_it_does(several: list[Toleration], taint: Taint) -> None:
    pod = proxied({"tolerations": [fields(each) for each in several]})
    assert is_tolerated(taint, pod["tolerations"]) == any(each.tolerates(taint) for each in several)


@pytest.mark.parametrize("odd", [None, {}, "Exists", [None, 7, []], [{}], [{"operator": []}]])
def test_odd_lists_tolerate_nothing(odd: object) -> None:
    assert not is_tolerated(GPU, proxied({"tolerations": odd})["tolerations"])


def test_an_unknown_counts_only_where_no_other_tolerates() -> None:
    every = {"operator": "Exists"}
    assert is_tolerated(GPU, proxied({"t": [UNKNOWN, {"key": UNKNOWN}, every]})["t"])
    with pytest.raises(UnknownValueError):
        is_tolerated(GPU, proxied({"t": [{"key": "nvidia.com/gpu", "operator": UNKNOWN}]})["t"])


def test_a_taint_is_written_as_kubectl_does() -> None:
    assert str(GPU) == "nvidia.com/gpu=present:NoSchedule"
    assert str(replace(GPU, value="")) == "nvidia.com/gpu:NoSchedule"
