from typing import Any

import pytest

from catalog import charts
from components import gpu_operator
from policies.images_and_secrets.chart_values_known import POLICY
from policies.kubernetes.helm_releases import RELEASE
from tests.policies.engine_input import UNKNOWN, Said
from tests.policies.engine_input import check as check_resource

VERSION = charts.described_version(charts.GPU_OPERATOR)
TOLERATIONS = [{"key": "nvidia.com/gpu", "operator": "Exists"}]


def check(values: Any, config: dict[str, Any] | None = None, **props: Any) -> Said:
    given = {"chart": "gpu-operator", "version": VERSION, "values": values, **props}
    return check_resource(POLICY, given, resource_type=RELEASE, name="gpu", config=config)


def test_our_own_are_known() -> None:
    assert check(gpu_operator.values(TOLERATIONS, "registry.example.com")).nothing
    efa = gpu_operator.efa_values(TOLERATIONS, "registry.example.com")
    assert check(efa, chart="aws-efa-k8s-device-plugin", version="v0.5.30").nothing


@pytest.mark.parametrize(
    ("values", "found", "fix"),
    [
        ({"drivr": {"enabled": False}}, "values.drivr, which chart gpu-operator", "write driver"),
        (
            {"driver": {"enabld": False}},
            "values.driver.enabld",
            "write driver.enabled",
        ),
        (
            {"devicePlugin": {"enabled": True, "wholly": {"other": 1}}},
            "values.devicePlugin.wholly",
            "correct the key, or leave it out",
        ),
    ],
)
def test_a_misspelt_key_is_refused(values: dict[str, Any], found: str, fix: str) -> None:
    said = check(values).only()
    assert said.startswith(f'Release "gpu": found {found}')
    assert f"fix: {fix}" in said


def test_of_another_version_it_is_not_sure() -> None:
    said = check({"drivr": {}}, version="v25.1.0")
    assert not said.refusals
    assert "whether chart gpu-operator v25.1.0 knows values.drivr" in said.unchecked[0]
    assert "did you mean driver?" in said.unchecked[0]
    assert check({"driver": {"enabled": False}}, version="v25.1.0").nothing


def test_keys_are_the_teams_to_know() -> None:
    assert check({"drivr": {}}, {"knownKeys": ["gpu-operator:drivr"]}).nothing
    assert check({"drivr": {}}, {"knownKeys": ["keda:drivr"]}).refusals


def test_an_unknown_value_hides_nothing_beside_it() -> None:
    assert check({"driver": {"enabled": UNKNOWN}}).nothing
    said = check({"driver": UNKNOWN, "toolkt": {"enabled": UNKNOWN}})
    assert "values.toolkt" in said.refusals[0]
    assert "keys of values.driver, which is not known yet" in said.unchecked[0]
    assert check(UNKNOWN).unchecked
    assert check({}, chart=UNKNOWN).unchecked


def test_a_file_of_values_cannot_be_read() -> None:
    assert "valueYamlFiles" in check({}, valueYamlFiles=[{"path": "x.yaml"}]).unchecked[0]


@pytest.mark.parametrize("values", [None, {}, [], "text", 7])
def test_no_values_are_allowed(values: object) -> None:
    assert check(values).nothing


def test_charts_of_others_are_none_of_its_business() -> None:
    assert check({"any": 1}, chart="cert-manager").nothing
    assert check_resource(POLICY, {}).nothing


def test_without_any_properties_it_says_so() -> None:
    assert check_resource(POLICY, {}, resource_type=RELEASE).unchecked
