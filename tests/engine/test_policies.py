"""The same bad value twice: refused by the settings, and by the engine when smuggled past them."""

import os
from pathlib import Path

import pytest

from sandbox.stack import PolicyRefusedError, Stack
from tests.engine.conftest import Project

REFUSED = "[mandatory]"

SMUGGLED_TRANSFORM = """
def _smuggle(args):
    if args.type_ == "kubernetes:apps/v1:Deployment":
        container = args.props["spec"]["template"]["spec"]["containers"][0]
        {change}
        return pulumi.ResourceTransformResult(args.props, args.opts)
    return None

"""


def smuggle(project: Project, change: str) -> None:
    """A stack-wide transform that changes the model server's container, before the components."""
    program = project.folder / "__main__.py"
    text = program.read_text()
    head, rest = text.split("settings = current.settings()", 1)
    transform = SMUGGLED_TRANSFORM.format(change=change)
    register = "pulumi.runtime.register_resource_transform(_smuggle)\n"
    program.write_text(f"{head}{transform}{register}settings = current.settings(){rest}")


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        (
            "model_server",
            {"image": "vllm/vllm-openai:latest"},
            'model_server.image: "vllm/vllm-openai:latest" is not allowed',
        ),
        (
            "model_server",
            {"engine": {"kind": "vllm", "gpu_memory_utilization": 0.99}},
            "model_server.engine.gpu_memory_utilization: 0.99 is not allowed; allowed: 0.5 to 0.95",
        ),
        ("model_server", {"memory_gib": 64}, "model_server.memory_gib: 64 is not allowed"),
        (
            "model_server",
            {"model": "mistralai/Mixtral-8x22B-Instruct-v0.1"},
            "need 43.4 GiB a GPU",
        ),
        ("gpu_node_group", {"instance_typo": "p4d.24xlarge"}, "unknown key; did you mean"),
    ],
)
def test_settings_refuse_before_anything_is_created(
    project: Project, section: str, values: dict[str, object], message: str
) -> None:
    project.change(section, **values)
    result = project.preview()
    assert result.returncode != 0
    assert message in result.stdout
    assert "stacks/Pulumi.local.yaml:" in result.stdout
    assert "Traceback" not in result.stdout


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            'container["image"] = "vllm/vllm-openai:latest"',
            ["vllm/vllm-openai:latest", "sha256"],
        ),
        (
            'container["resources"]["limits"]["nvidia.com/gpu"] = "4"',
            ["nvidia.com/gpu", "4", "8"],
        ),
        (
            'container["resources"]["limits"].pop("memory")',
            ["memory"],
        ),
        (
            'container["args"] = [a.replace("0.92", "0.99") for a in container["args"]]',
            ["0.99", "0.95"],
        ),
        (
            'container["args"][0] = "mistralai/Mixtral-8x22B-Instruct-v0.1"',
            ["Mixtral-8x22B", "p4d.24xlarge"],
        ),
    ],
    ids=[
        "image by tag",
        "fewer GPUs than tensor parallel",
        "no memory limit",
        "utilisation",
        "fit",
    ],
)
def test_the_engine_stops_what_is_smuggled_past_the_settings(
    project: Project, change: str, says: list[str]
) -> None:
    smuggle(project, change)
    result = project.preview()
    assert result.returncode != 0
    assert REFUSED in result.stdout, result.stdout + result.stderr
    assert "vllm" in result.stdout
    assert "model-server" in result.stdout
    for words in says:
        assert words in result.stdout


def test_a_hand_written_launch_template_with_a_missing_interface_is_stopped(
    project: Project,
) -> None:
    project.append_to_program(
        """
aws.ec2.LaunchTemplate(
    "by-hand",
    instance_type="p4d.24xlarge",
    network_interfaces=[
        aws.ec2.LaunchTemplateNetworkInterfaceArgs(
            network_card_index=0,
            device_index=0,
            interface_type="efa",
            security_groups=[cluster.node_home.security_group_id],
        )
    ],
    opts=in_aws(),
)
"""
    )
    result = project.preview()
    assert result.returncode != 0
    assert REFUSED in result.stdout, result.stdout + result.stderr
    assert 'LaunchTemplate "by-hand"' in result.stdout
    assert "p4d.24xlarge" in result.stdout


def test_up_is_refused_by_name_and_changes_nothing(project: Project) -> None:
    smuggle(project, 'container["image"] = "vllm/vllm-openai:latest"')
    with Path(os.devnull).open("w") as nowhere:
        stack = Stack(project.sandbox, "local", project.folder, nowhere)
        with pytest.raises(PolicyRefusedError, match="kubernetes-container-image-pinned"):
            stack.up()
    project.restore()
    assert project.up("--expect-no-changes").returncode == 0


def test_a_first_preview_is_stopped_as_well(project: Project) -> None:
    """Nothing exists yet, so ids are unknown and the cluster cannot be asked."""
    smuggle(project, 'container["args"][0] = "mistralai/Mixtral-8x22B-Instruct-v0.1"')
    project.pulumi("stack", "select", "--create", stack="dev")
    result = project.preview(stack="dev")
    assert result.returncode != 0
    assert REFUSED in result.stdout, result.stdout + result.stderr
    assert "kubernetes-llm-server-model-fits" in result.stdout
