from typing import Any

import pytest

from policies.availability.helm_release_timeout import POLICY
from policies.kubernetes.helm_releases import RELEASE
from tests.policies.engine_input import UNKNOWN, Said, check

SETTLES = {"chart": "gpu-operator", "timeout": 900, "atomic": True}


def judge(**props: Any) -> Said:
    return check(POLICY, SETTLES | props, resource_type=RELEASE, name="gpu-operator")


@pytest.mark.parametrize("timeout", [600, 900, 3600])
@pytest.mark.parametrize("skip", [None, False])
def test_a_release_that_settles_is_allowed(timeout: int, skip: object) -> None:
    assert judge(timeout=timeout, skipAwait=skip).nothing


def test_helms_own_timeout_is_refused() -> None:
    said = judge(timeout=None).only()
    assert said.startswith('Release "gpu-operator": found no timeout, so Helm\'s 300 seconds')
    assert "allowed: 600 seconds or more" in said
    assert "fix: " in said


@pytest.mark.parametrize("timeout", [300, 599, 0, -1, "soon", True])
def test_a_short_timeout_is_refused(timeout: object) -> None:
    assert f"found timeout {timeout};" in judge(timeout=timeout).only()


@pytest.mark.parametrize("skip", [True, "true"])
def test_a_release_that_is_not_waited_for_is_refused(skip: object) -> None:
    assert "found skipAwait true; allowed: false" in judge(skipAwait=skip).only()


@pytest.mark.parametrize("atomic", [None, False, "false"])
def test_a_release_that_stays_half_installed_is_refused(atomic: object) -> None:
    assert "allowed: true" in judge(atomic=atomic).only()


@pytest.mark.parametrize("field", ["timeout", "skipAwait", "atomic"])
def test_an_unknown_is_said_to_be_unchecked(field: str) -> None:
    said = judge(**{field: UNKNOWN})
    assert not said.refusals
    assert f"{field} can't be known" in said.unchecked[0]


def test_an_unknown_does_not_hide_a_violation() -> None:
    said = judge(timeout=UNKNOWN, atomic=False)
    assert len(said.refusals) == len(said.unchecked) == 1


def test_without_any_properties_it_says_so() -> None:
    said = check(POLICY, {}, resource_type=RELEASE)
    assert "the engine gave none of its properties" in said.unchecked[0]


@pytest.mark.parametrize(
    "kind", ["kubernetes:helm.sh/v4:Chart", "kubernetes:core/v1:Service", "random:x:Release"]
)
def test_other_resources_are_none_of_its_business(kind: str) -> None:
    assert check(POLICY, {"skipAwait": True}, resource_type=kind).nothing
