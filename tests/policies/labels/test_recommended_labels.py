from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.labels.recommended_labels import POLICY
from tests.policies.engine_input import (
    FUZZ,
    IMAGE,
    LABELS,
    TYPES,
    UNKNOWN,
    check,
    mend,
    pod,
    workload,
)

NAME, MANAGED_BY = LABELS


def web(kind: str = "Deployment", metadata: Any = None, labels: Any = None) -> dict[str, Any]:
    props = workload(kind, pod({"name": "web", "image": IMAGE}))
    props["metadata"] = {"name": "web-1"} if metadata is None else metadata
    if labels is not None:
        props["spec"]["template"]["metadata"] = {"labels": labels}
    return props


def labels_of(props: dict[str, Any] | None) -> Any:
    assert props is not None
    return props["metadata"]["labels"]


def test_labels_are_allowed_and_left_alone() -> None:
    props = web(metadata={"labels": {NAME: "web", MANAGED_BY: "Helm"}})
    assert check(POLICY, props).nothing
    assert mend(POLICY, props) is None


def test_a_workload_without_them_is_mended_and_not_refused() -> None:
    assert check(POLICY, web()).nothing
    assert labels_of(mend(POLICY, web())) == {NAME: "web-1", MANAGED_BY: "pulumi"}


@pytest.mark.parametrize(
    ("labels", "name"),
    [({NAME: "site", "app": "a"}, "site"), ({"app": "a"}, "a"), ({}, "web-1")],
)
def test_the_name_is_that_of_its_pods(labels: dict[str, str], name: str) -> None:
    assert labels_of(mend(POLICY, web(labels=labels)))[NAME] == name


def test_labels_of_pods_and_other_labels_stay() -> None:
    props = web(metadata={"name": "web", "labels": {"team": "a"}}, labels={"app": "b"})
    mended = mend(POLICY, props)
    assert labels_of(mended) == {"team": "a", NAME: "b", MANAGED_BY: "pulumi"}
    assert mended is not None
    assert mended["spec"] == props["spec"]


def test_a_name_that_pulumi_makes_up() -> None:
    mended = mend(POLICY, web(metadata={}), name="my-web")
    assert labels_of(mended)[NAME] == "my-web"


def test_a_name_that_no_label_can_have_is_left_out() -> None:
    mended = mend(POLICY, web(metadata={"name": "a" * 64}))
    assert labels_of(mended) == {MANAGED_BY: "pulumi"}


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("suffix", ["", "List"])
def test_every_kind_of_workload(kind: str, suffix: str) -> None:
    token = f"{TYPES[kind]}{suffix}"
    props = {"items": [web(kind), web(kind)]} if suffix else web(kind)
    mended = mend(POLICY, props, resource_type=token)
    assert mended is not None
    for each in mended["items"] if suffix else [mended]:
        assert labels_of(each) == {NAME: "web-1", MANAGED_BY: "pulumi"}


def test_patches_and_other_kinds_are_left_alone() -> None:
    for token in (f"{TYPES['Deployment']}Patch", "kubernetes:core/v1:Service", "aws:ec2/vpc:Vpc"):
        assert mend(POLICY, web(), resource_type=token) is None


@pytest.mark.parametrize(
    "metadata", [UNKNOWN, {"labels": UNKNOWN}, {"labels": {NAME: UNKNOWN, MANAGED_BY: "x"}}]
)
def test_an_unknown_is_left_alone(metadata: Any) -> None:
    assert mend(POLICY, web(metadata=metadata)) is None


@FUZZ
@given(
    metadata=st.fixed_dictionaries(
        {},
        optional={
            "name": st.sampled_from(["web", UNKNOWN, "a.b"]),
            "labels": st.dictionaries(
                st.sampled_from([NAME, MANAGED_BY, "app"]), st.sampled_from(["a", "", UNKNOWN])
            ),
        },
    )
)
def test_what_is_mended_is_mended_once(metadata: dict[str, Any]) -> None:
    mended = mend(POLICY, web(metadata=metadata))
    if mended is not None:
        assert labels_of(mended)[NAME]
        assert labels_of(mended)[MANAGED_BY]
        assert mend(POLICY, mended) is None
