"""What the settings refuse the policies refuse too, in the same words."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from pulumi_policy import ResourceValidationPolicy

from catalog.efa_image import INSTALLER_ANNOTATION
from policies.gpu import server_layout
from policies.memory import gpu_memory_utilization
from policies.network import engine_across_nodes
from stacks.reading import SettingsError
from tests.catalog.example_models import DBRX
from tests.policies.engine_group import LEADS, OWN_IMAGE, WORKS, group, member, stack, template
from tests.policies.engine_input import MIXTRAL, check, check_stack, deployment, server
from tests.policies.memory.test_model_fits import fits
from tests.policies.memory.test_model_fits import group as gpu_nodes
from tests.stacks.changed import local
from tests.stacks.test_model_server import across, vllm

STOCK_IMAGE = f"vllm/vllm-openai@sha256:{'0' * 64}"


def settings_allow(**sections: Mapping[str, Any]) -> str:
    with pytest.raises(SettingsError) as error:
        local(**sections)
    (problem,) = error.value.problems
    return problem.message.partition("; allowed: ")[2]


@pytest.mark.parametrize(
    ("sections", "policy", "flags", "model"),
    [
        (
            {"model_server": {"tensor_parallel_size": 3}},
            server_layout.POLICY,
            ["-tp=3"],
            MIXTRAL,
        ),
        (
            {"model_server": across(nodes=33)},
            server_layout.POLICY,
            ["-tp=8", "-pp=33"],
            MIXTRAL,
        ),
        (
            {
                "model_server": {"model": DBRX.name, "engine": vllm(expert_parallel={})},
                "model_weights": {"kind": "s3"},
            },
            server_layout.POLICY,
            ["-tp=8", "--enable-expert-parallel", "--enable-eplb"],
            DBRX.name,
        ),
        (
            {"model_server": {"engine": vllm(max_num_seqs=512, max_num_batched_tokens=512)}},
            server_layout.POLICY,
            ["-tp=8", "--max-num-seqs=512", "--max-num-batched-tokens=512"],
            MIXTRAL,
        ),
        (
            {"model_server": {"engine": vllm(gpu_memory_utilization=0.99)}},
            gpu_memory_utilization.POLICY,
            ["-tp=8", "--gpu-memory-utilization=0.99"],
            MIXTRAL,
        ),
    ],
    ids=["TP and heads", "PP and layers", "EP without EPLB", "a step", "utilisation"],
)
def test_of_a_server(
    sections: Mapping[str, Mapping[str, Any]],
    policy: ResourceValidationPolicy,
    flags: Sequence[str],
    model: str,
) -> None:
    said = check(policy, deployment(server(*flags, model=model))).only()
    words = said.partition("; allowed: ")[2].partition("; fix: ")[0]
    assert words
    # The settings go on with what the key is.
    assert settings_allow(**sections).startswith(words)


@pytest.mark.parametrize(
    ("server_settings", "flags", "part"),
    [
        ({"max_model_len": 65536}, ["-tp=8", "--max-model-len=65536"], "allowed"),
        ({"min_full_length_sequences": 64}, ["-tp=8", "--max-model-len=32768"], "fix"),
    ],
    ids=["beyond the context", "beyond the KV cache"],
)
def test_of_memory(server_settings: dict[str, Any], flags: list[str], part: str) -> None:
    config = {"minSequences": server_settings.get("min_full_length_sequences", 8)}
    said = fits(gpu_nodes("p4d.24xlarge"), flags=flags, config=config).only()
    allowed, _, fix = said.partition("; allowed: ")[2].partition("; fix: ")
    assert settings_allow(model_server=server_settings) == {"allowed": allowed, "fix": fix}[part]


@pytest.mark.parametrize(
    ("server_settings", "image", "annotations"),
    [
        ({"image": STOCK_IMAGE}, STOCK_IMAGE, None),
        (
            {"engine": vllm(pipeline_parallel_size=2, efa_installer="1.28.0")},
            OWN_IMAGE,
            {INSTALLER_ANNOTATION: "1.28.0"},
        ),
    ],
    ids=["an image without EFA", "an old installer"],
)
def test_of_an_engine_across_nodes(
    server_settings: dict[str, Any], image: str, annotations: dict[str, str] | None
) -> None:
    engine = group(
        template(member(*LEADS, image=image), annotations=annotations),
        template(member(*WORKS, image=image, prestop_s=135), annotations=annotations),
    )
    said = check_stack(engine_across_nodes.POLICY, stack(engine))
    words = {each.partition("; allowed: ")[2].partition("; fix: ")[0] for each in said.refusals}
    assert words == {settings_allow(model_server={**across(), **server_settings})}
