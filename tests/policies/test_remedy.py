"""What is unknown or secret is handed back as it came, and a remedy that fails changes nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi_policy import Policy, ReportViolation, ResourceValidationArgs, ResourceValidationPolicy
from pulumi_policy.deserialize import SPECIAL_SECRET_SIG, SPECIAL_SIG_KEY

from policies import remedy
from policies.pack import listed
from policies.remedy import Edit
from policies.review import Resource, Review
from tests.policies.engine_input import FUZZ, UNKNOWN, check, deployment, mend, server

REMEDIES: list[Any] = [
    each.policy
    for each in listed()
    if isinstance(each.policy, ResourceValidationPolicy) and each.policy.has_remediation()
]


def secret(value: Any) -> dict[str, Any]:
    return {SPECIAL_SIG_KEY: SPECIAL_SECRET_SIG, "value": value}


def policy(*edits: Edit | Exception) -> ResourceValidationPolicy:
    def find(review: Review, subject: Resource) -> Iterator[Edit]:
        for edit in edits:
            if isinstance(edit, Exception):
                raise edit
            yield edit

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        pass

    return ResourceValidationPolicy(
        "test", "Test.", validate=validate, remediate=remedy.of_workload(find)
    )


@pytest.mark.parametrize(
    ("props", "path", "expected"),
    [
        ({}, ("a",), {"a": 1}),
        ({"a": 0, "b": 2}, ("a",), {"a": 1, "b": 2}),
        ({}, ("a", "b", 0, "c"), {"a": {"b": [{"c": 1}]}}),
        ({"a": None}, ("a", "b"), {"a": {"b": 1}}),
        ({"a": [5]}, ("a", 1), {"a": [5, 1]}),
        # A secret is still one.
        ({"a": secret([{"b": 5}])}, ("a", 0, "c"), {"a": secret([{"b": 5, "c": 1}])}),
        ({"a": [{"b": 5}]}, ("a", 0, "b"), {"a": [{"b": 1}]}),
        (
            {"a": {}, "c": UNKNOWN, "d": secret(7)},
            ("a", "b"),
            {"a": {"b": 1}, "c": UNKNOWN, "d": secret(7)},
        ),
    ],
)
def test_an_edit_changes_its_place_alone(
    props: dict[str, Any], path: tuple[str | int, ...], expected: dict[str, Any]
) -> None:
    assert mend(policy((path, 1)), props) == expected


@pytest.mark.parametrize("blocked", [UNKNOWN, {"b": secret(2)}, secret(UNKNOWN), 7, [1]])
def test_nothing_is_changed_where_something_blocks_the_way(blocked: Any) -> None:
    assert mend(policy((("x",), 1), (("a", "b"), 1)), {"a": blocked}) is None


def test_a_remedy_that_fails_changes_nothing() -> None:
    assert mend(policy((("x",), 1), ZeroDivisionError()), {"a": 1}) is None


@pytest.mark.parametrize("other", ["aws:ec2/vpc:Vpc", "kubernetes:core/v1:ConfigMap", "aws:a:Pod"])
def test_resources_that_are_no_workloads_are_not_even_read(other: str) -> None:
    assert mend(policy((("x",), 1)), {}, resource_type=other) is None


def _kept(old: Any, new: Any) -> bool:
    """Whether everything that is marked in `old` is at the same place of `new`."""
    if isinstance(old, dict):
        return all(key in new and _kept(old[key], new[key]) for key in old)
    if isinstance(old, list):
        return len(old) <= len(new) and all(map(_kept, old, new))
    return old not in (UNKNOWN, SPECIAL_SECRET_SIG) or bool(old == new)


plain = st.sampled_from(["a", "8", UNKNOWN, secret("s"), None])


@FUZZ
@given(
    env=st.lists(st.fixed_dictionaries({"name": plain, "value": plain}), max_size=3) | plain,
    mounts=st.lists(st.just({"name": "a", "mountPath": "/a"}) | plain, max_size=2) | plain,
    volumes=st.lists(st.fixed_dictionaries({"name": plain}) | plain, max_size=2) | plain,
    metadata=st.dictionaries(st.sampled_from(["name", "labels", "namespace"]), plain) | plain,
    links=plain,
)
def test_what_is_marked_is_handed_back_as_it_came(
    env: Any, mounts: Any, volumes: Any, metadata: Any, links: Any
) -> None:
    container = server(env=env, volumeMounts=mounts)
    props = deployment(container, volumes=volumes, enableServiceLinks=links)
    props["metadata"] = metadata
    for each in REMEDIES:
        mended = mend(each, props)
        if mended is not None:
            assert _kept(props, mended)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("each", REMEDIES, ids=lambda each: each.name)
def test_secrets_beside_what_is_mended(each: Policy, whole: bool) -> None:
    """The provider makes the list of containers secret as a whole for one value in it."""
    assert isinstance(each, ResourceValidationPolicy)
    token = {"name": "HF_TOKEN", "value": "hidden" if whole else secret("hidden")}
    props = deployment(server(env=[token], volumeMounts=[]), volumes=[], enableServiceLinks=None)
    props["metadata"] = {"name": "moe"}
    spec = props["spec"]["template"]["spec"]
    if whole:
        spec["containers"] = secret(spec["containers"])
    mended = mend(each, props)
    assert mended is not None
    assert _kept(props, mended)
    containers = mended["spec"]["template"]["spec"]["containers"]
    (container,) = containers["value"] if whole else containers
    assert container["env"] == [token]
    assert not check(each, mended).refusals
