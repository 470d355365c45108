from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.availability.service_links import POLICY
from tests.policies.engine_group import group, member, template
from tests.policies.engine_input import (
    DIGEST,
    FUZZ,
    TYPES,
    UNKNOWN,
    check,
    deployment,
    mend,
    plain,
    pod,
    server,
    workload,
)

OTHER = {"name": "web", "image": f"tools/train@{DIGEST}"}


def test_the_components_are_allowed_and_left_alone() -> None:
    assert check(POLICY, deployment(server())).nothing
    assert mend(POLICY, deployment(server())) is None


@pytest.mark.parametrize("given", [None, True, "true", "false"])
def test_links_are_refused_and_mended(given: Any) -> None:
    props = deployment(server(), enableServiceLinks=given)
    said = check(POLICY, props).only()
    assert said.startswith('Deployment "model-server": found enableServiceLinks ')
    assert "VLLM_PORT" in said
    assert mend(POLICY, props) == deployment(server(), enableServiceLinks=False)


def test_pods_that_serve_nothing_are_left_alone() -> None:
    props = deployment(OTHER, enableServiceLinks=True)
    assert check(POLICY, props).nothing
    assert mend(POLICY, props) is None


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("suffix", ["", "List"])
def test_every_kind_of_workload(kind: str, suffix: str) -> None:
    props = workload(kind, pod(OTHER, initContainers=[server()], enableServiceLinks=None))
    given = {"items": [props, props]} if suffix else props
    token = f"{TYPES[kind]}{suffix}"
    assert len(check(POLICY, given, resource_type=token).refusals) == (2 if suffix else 1)
    mended = mend(POLICY, given, resource_type=token)
    assert mended is not None
    assert check(POLICY, mended, resource_type=token).nothing
    assert mend(POLICY, mended, resource_type=token) is None


def test_both_pods_of_a_group() -> None:
    token = TYPES["LeaderWorkerSet"]
    props = group(template(member("-tp=8"), enableServiceLinks=None), template(member("-tp=8")))
    assert ", leader: found" in check(POLICY, props, resource_type=token).only()
    mended = mend(POLICY, props, resource_type=token)
    assert mended == plain(
        group(template(member("-tp=8"), enableServiceLinks=False), template(member("-tp=8")))
    )


def test_a_patch_may_leave_it_out_but_not_switch_them_on() -> None:
    patch = f"{TYPES['Deployment']}Patch"
    assert check(POLICY, deployment(server(), enableServiceLinks=None), resource_type=patch).nothing
    assert mend(POLICY, deployment(server(), enableServiceLinks=None), resource_type=patch) is None
    on = deployment(server(), enableServiceLinks=True)
    assert check(POLICY, on, resource_type=patch).refusals


def test_an_unknown_is_left_alone_and_said_to_be_unchecked() -> None:
    props = deployment(server(), enableServiceLinks=UNKNOWN)
    assert "enableServiceLinks can't be known" in check(POLICY, props).unchecked[0]
    assert mend(POLICY, props) is None
    props = deployment(server("-tp", UNKNOWN), enableServiceLinks=None)
    assert mend(POLICY, props) == deployment(server("-tp", UNKNOWN), enableServiceLinks=False)


@FUZZ
@given(
    links=st.sampled_from([None, True, False, "true", UNKNOWN]),
    flags=st.lists(st.sampled_from(["-tp=8", "--api-key", UNKNOWN, "x"]), min_size=1, max_size=4),
    kind=st.sampled_from(sorted(TYPES)),
)
def test_what_is_mended_passes_and_is_mended_once(links: Any, flags: Any, kind: str) -> None:
    props = workload(kind, pod(server(*flags), OTHER, enableServiceLinks=links))
    mended = mend(POLICY, props, resource_type=TYPES[kind])
    if mended is not None:
        assert not check(POLICY, mended, resource_type=TYPES[kind]).refusals
        assert mend(POLICY, mended, resource_type=TYPES[kind]) is None
    else:
        assert not check(POLICY, props, resource_type=TYPES[kind]).refusals
