from typing import Any

import pytest
from pulumi_policy import PolicyResource

from policies.aws.node_groups import NODE_GROUP
from policies.gpu.gpu_operator_ami import POLICY
from policies.kubernetes.helm_releases import RELEASE
from tests.policies.engine_input import UNKNOWN, Said, check_stack, resource

AL2023 = ("AL2023_x86_64_NVIDIA", "AL2023_ARM_64_NVIDIA")
BOTTLEROCKET = ("BOTTLEROCKET_x86_64_NVIDIA", "BOTTLEROCKET_ARM_64_NVIDIA_FIPS")


def group(ami_type: Any, *types: Any, name: str = "gpu") -> PolicyResource:
    props = {"amiType": ami_type, "instanceTypes": list(types or ("p4d.24xlarge",))}
    return resource(NODE_GROUP, name, props)


def values(driver: Any = False, toolkit: Any = False, plugin: Any = True) -> dict[str, Any]:
    switches = {"driver": driver, "toolkit": toolkit, "devicePlugin": plugin}
    return {part: {"enabled": switch} for part, switch in switches.items() if switch is not None}


def judge(given: Any, *groups: PolicyResource, chart: str = "gpu-operator", **props: Any) -> Said:
    release = resource(RELEASE, "gpu-operator", {"chart": chart, "values": given, **props})
    return check_stack(POLICY, [*groups, release])


@pytest.mark.parametrize("ami_type", AL2023)
@pytest.mark.parametrize("plugin", [True, None])
def test_what_al2023_brings_stays_off(ami_type: str, plugin: object) -> None:
    assert judge(values(plugin=plugin), group(ami_type)).nothing


@pytest.mark.parametrize("ami_type", BOTTLEROCKET)
def test_bottlerocket_brings_the_device_plugin_as_well(ami_type: str) -> None:
    assert judge(values(plugin=False), group(ami_type)).nothing
    said = judge(values(plugin=None), group(ami_type)).only()
    assert "found devicePlugin.enabled on by default; allowed: false" in said


@pytest.mark.parametrize("ami_type", [*AL2023, *BOTTLEROCKET])
@pytest.mark.parametrize("part", ["driver", "toolkit"])
@pytest.mark.parametrize(
    ("switch", "found"), [(True, "True"), (None, "on by default"), ("false", "false")]
)
def test_a_second_one_is_refused(ami_type: str, part: str, switch: object, found: str) -> None:
    on = {"plugin": ami_type in AL2023, part: switch}
    said = judge(values(**on), group(ami_type)).only()
    assert said.startswith(f'Release "gpu-operator": found {part}.enabled {found};')
    assert f'allowed: false on {ami_type}, the AMI of node group "gpu"' in said
    assert f"fix: set values.{part}.enabled to false" in said


@pytest.mark.parametrize("given", [None, {}, {"driver": True}, {"driver": {}, "toolkit": None}])
def test_the_charts_defaults_are_refused(given: object) -> None:
    assert len(judge(given, group(AL2023[0])).refusals) == 2


def test_al2023_without_a_device_plugin_is_refused() -> None:
    said = judge(values(plugin=False), group(AL2023[0])).only()
    assert "found devicePlugin.enabled False; allowed: true on AL2023" in said


def test_two_operating_systems_contradict_each_other() -> None:
    groups = group(AL2023[0]), group(BOTTLEROCKET[0], name="other")
    assert 'of node group "other"' in judge(values(), *groups).only()
    assert 'of node group "gpu"' in judge(values(plugin=False), *groups).only()


def test_nodes_without_gpus_do_not_count() -> None:
    system = group("AL2023_x86_64_STANDARD", "m6i.xlarge", name="system")
    assert judge(None, system).nothing


@pytest.mark.parametrize("ami_type", [None, "CUSTOM", "AL2023_x86_64_STANDARD", 7, {}])
def test_another_ami_of_gpu_nodes_is_said_to_be_unchecked(ami_type: object) -> None:
    said = judge(values(), group(ami_type))
    assert not said.refusals
    assert "what an AMI of type " in said.unchecked[0]


def test_other_charts_and_stacks_without_the_operator_are_none_of_its_business() -> None:
    assert judge(None, group(AL2023[0]), chart="prometheus").nothing
    assert check_stack(POLICY, [group(AL2023[0]), group(None)]).nothing


@pytest.mark.parametrize(
    ("given", "nodes", "unknown"),
    [
        (values(driver=UNKNOWN), group(AL2023[0]), "driver.enabled"),
        ({"driver": UNKNOWN, **values(driver=None)}, group(AL2023[0]), "driver"),
        (UNKNOWN, group(AL2023[0]), "values"),
        (values(), group(UNKNOWN), "amiType"),
    ],
)
def test_an_unknown_is_said_to_be_unchecked(
    given: Any, nodes: PolicyResource, unknown: str
) -> None:
    said = judge(given, nodes)
    assert not said.refusals
    assert f"{unknown} can't be known" in said.unchecked[0]


def test_an_unknown_does_not_hide_a_violation() -> None:
    said = judge(values(driver=UNKNOWN, toolkit=True), group(AL2023[0]))
    assert len(said.refusals) == len(said.unchecked) == 1


def test_what_a_file_of_values_may_say_is_said_to_be_unchecked() -> None:
    said = judge(values(toolkit=None), group(AL2023[0]), valueYamlFiles=["values.yaml"])
    assert not said.refusals
    assert "toolkit.enabled may be set by a file" in said.unchecked[0]
