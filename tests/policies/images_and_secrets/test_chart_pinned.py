from typing import Any

import pytest

from policies.images_and_secrets.chart_pinned import POLICY
from policies.kubernetes.helm_releases import CHART, RELEASE
from tests.policies.engine_input import UNKNOWN, Said
from tests.policies.engine_input import check as check_resource

KINDS = pytest.mark.parametrize("kind", [RELEASE, CHART])
REPOSITORY = {"repo": "https://helm.ngc.nvidia.com/nvidia"}


def check(kind: str = RELEASE, config: dict[str, Any] | None = None, **props: Any) -> Said:
    """A release as components/helm_release.py makes it, but for `props`."""
    given = {
        "chart": "gpu-operator",
        "version": "v26.7.0",
        "repositoryOpts": REPOSITORY,
        **props,
    }
    return check_resource(POLICY, given, resource_type=kind, name="gpu-operator", config=config)


@KINDS
def test_our_own_are_allowed(kind: str) -> None:
    assert check(kind).nothing
    assert check(kind, chart="oci://registry.k8s.io/lws/charts/lws", repositoryOpts=None).nothing
    assert check(kind, chart="/mirror/gpu-operator", repositoryOpts=None).nothing


@pytest.mark.parametrize("version", ["1.2.3", "v1.2.3", "1.2.3-rc.1", "1.2.3+build.5"])
def test_an_exact_version_is_allowed(version: str) -> None:
    assert check(version=version).nothing


@KINDS
@pytest.mark.parametrize(
    "version",
    [None, "", "1.2", "1.2.x", "*", "^1.2.3", "~1.2.3", ">=1.2.3", "1.2.3 - 2.0.0", "latest", 1.0],
)  # fmt: skip
def test_anything_else_is_refused(kind: str, version: object) -> None:
    said = check(kind, version=version).only()
    assert f'{kind.rsplit(":", 1)[-1]} "gpu-operator": found version ' in said
    assert "allowed: an exact version" in said


@pytest.mark.parametrize(
    "chart",
    [
        "./charts/mine",
        "../mine",
        "/charts/mine",
        "https://example.com/charts/mine-1.2.3.tgz",
        f"oci://example.com/charts/mine@sha256:{'3' * 64}",
    ],
)
def test_a_chart_that_is_of_one_version_needs_none(chart: str) -> None:
    assert check(chart=chart, version=None, repositoryOpts=None).nothing


@pytest.mark.parametrize(
    "chart", ["https://example.com/charts/mine.tgz", "oci://example.com/mine", "mine", 7]
)
def test_others_need_one(chart: object) -> None:
    assert check(chart=chart, version=None).refusals


@pytest.mark.parametrize(
    "props",
    [
        {"repositoryOpts": {"repo": "http://charts.example.com"}},
        {"repositoryOpts": {"repo": "HTTP://charts.example.com"}},
        {"chart": "http://charts.example.com/mine-1.2.3.tgz", "repositoryOpts": None},
        {"chart": "oci://example.com/mine", "plainHttp": True, "repositoryOpts": None},
    ],
)
def test_plain_http_is_refused(props: dict[str, Any]) -> None:
    assert "allowed: https:// or oci://" in check(**props).only()


def test_devel_without_a_version_takes_a_pre_release() -> None:
    assert len(check(version=None, devel=True).refusals) == 2
    assert check(devel=True).nothing


def test_repositories_are_the_teams_choice() -> None:
    ours = {"allowedRepositories": ["https://helm.ngc.nvidia.com/", "oci://mirror.example.com/"]}
    assert check(config=ours).nothing
    assert check(config=ours, chart="oci://mirror.example.com/a", repositoryOpts={}).nothing
    assert check(config=ours, chart="./mine", repositoryOpts={}).nothing
    said = check(config=ours, repositoryOpts={"repo": "https://example.com"}).only()
    assert "found repository https://example.com" in said


@pytest.mark.parametrize(
    ("props", "notes"),
    [
        ({"version": UNKNOWN}, 1),
        ({"chart": UNKNOWN}, 1),
        ({"repositoryOpts": UNKNOWN}, 1),
        ({"repositoryOpts": {"repo": UNKNOWN}}, 1),
    ],
)
def test_what_is_not_known_is_said(props: dict[str, Any], notes: int) -> None:
    said = check(**props)
    assert not said.refusals
    assert len(said.unchecked) == notes


@KINDS
def test_without_any_properties_it_says_so(kind: str) -> None:
    assert check_resource(POLICY, {}, resource_type=kind).unchecked
    assert check_resource(POLICY, {}).nothing


@pytest.mark.parametrize(
    "repository",
    ["https://charts.example.com.elsewhere.net", "https://charts.example.com@elsewhere.net"],
)
def test_a_repository_is_allowed_by_whole_parts_of_its_address(repository: str) -> None:
    config = {"allowedRepositories": ["https://charts.example.com"]}
    assert check(config=config, repositoryOpts={"repo": repository}).refusals
    below = {"repo": "https://charts.example.com/stable"}
    assert check(config=config, repositoryOpts=below).nothing


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_password_in_an_address_is_not_repeated(scheme: str) -> None:
    given = {"repo": f"{scheme}://bob:hunter2@charts.example.com"}
    config = {"allowedRepositories": ["oci://registry.example.com"]}
    assert "hunter2" not in check(config=config, repositoryOpts=given).only()
