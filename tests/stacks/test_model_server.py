"""Engines, their layouts and how many there are: what is refused, and in which words."""

from typing import Any

import pytest

from catalog import models
from catalog.models import Model
from catalog.parallel_layout import ParallelLayout
from stacks.reading import SettingsError
from stacks.settings.engines import VllmEngine
from tests.catalog.example_models import DBRX, LLAMA_8B, MIXTRAL_8X7B, MIXTRAL_8X22B, QWEN_7B
from tests.stacks.changed import local
from tests.stacks.drawn_settings import DIGEST, ECR

EFA_IMAGE = f"{ECR}/vllm-openai-efa@{DIGEST}"
INSTALLER = "1.51.0"


def vllm(**values: Any) -> dict[str, Any]:
    return {"kind": "vllm", **values}


def across(nodes: int = 2, **values: Any) -> dict[str, Any]:
    """`model_server` with one engine on several nodes, as it works."""
    engine = vllm(pipeline_parallel_size=nodes, efa_installer=INSTALLER)
    return {"engine": engine, "image": EFA_IMAGE, **values}


def refusal(**sections: dict[str, Any]) -> tuple[str, str]:
    """Key without the project, and message, of the one thing that is wrong."""
    with pytest.raises(SettingsError) as error:
        local(**sections)
    (problem,) = error.value.problems
    assert problem.line is not None
    return problem.key.removeprefix("moe-serving:"), problem.message


@pytest.fixture
def more_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries beside those of the catalogue, of shapes that it does not have."""
    few_layers = MIXTRAL_8X7B.model_copy(update={"name": "org/one-layer", "layers": 1})
    found: dict[str, Model] = dict(models.MODELS)
    found.update({each.name: each for each in (LLAMA_8B, QWEN_7B, few_layers)})
    monkeypatch.setattr(models, "MODELS", found)


def test_an_engine_is_vllm_on_one_node_unless_it_says_otherwise() -> None:
    server = local().model_server
    assert isinstance(server.engine, VllmEngine)
    assert server.layout == ParallelLayout(8)
    assert (server.nodes_per_engine, server.gpus_per_pod) == (1, 8)
    assert server.gpu_memory_utilization == 0.92


def test_one_engine_across_two_nodes() -> None:
    settings = local(model_server=across())
    assert settings.model_server.layout == ParallelLayout(8, 2)
    assert settings.model_server.gpus_per_pod == 8
    assert settings.engines_per_node() == 0
    assert [settings.engines_on(nodes) for nodes in (1, 2, 5)] == [0, 1, 2]


def test_experts_whole_on_each_gpu() -> None:
    engine = vllm(expert_parallel={"data_parallel_size": 4, "redundant_experts": 8})
    server = local(model_server={"engine": engine, "tensor_parallel_size": 2}).model_server
    assert server.layout == ParallelLayout(
        2, data_parallel_size=4, expert_parallel=True, redundant_experts=8
    )
    assert server.gpus_per_pod == 8


def test_tokens_per_expert_are_counted_where_it_is_said() -> None:
    assert not local().served(1800).expert_metrics
    served = local(model_server={"engine": vllm(expert_metrics=True)}).served(1800)
    assert served.expert_metrics
    assert served.expert_metrics_job == "model-serving/mixtral-8x7b-instruct-v0-1-experts"


def test_deepspeed_mii_serves_its_one_model() -> None:
    server = local(model_server={"engine": {"kind": "deepspeed_mii"}}).model_server
    assert server.layout == ParallelLayout(8)
    assert server.gpu_memory_utilization == 0.92


def test_secrets_are_names() -> None:
    server = local(
        model_server={"api_key_secret": "api-key", "external_secret_store": "vault"}
    ).model_server
    assert (server.api_key_secret, server.external_secret_store) == ("api-key", "vault")
    key, message = refusal(model_server={"api_key_secret": "API_KEY"})
    assert key == "model_server.api_key_secret"
    assert "Name of a Secret" in message


@pytest.mark.usefixtures("more_models")
@pytest.mark.parametrize(
    ("server", "key", "says"),
    [
        (
            {"model": QWEN_7B.name},
            "tensor_parallel_size",
            "8 is not allowed; allowed: 1, 2, 4, which divide the 28 attention heads",
        ),
        (
            {"model": QWEN_7B.name, "tensor_parallel_size": 4, "engine": vllm(expert_metrics=True)},
            "engine.expert_metrics",
            f"true is not allowed; allowed: false for {QWEN_7B.name}: it is dense, and has no"
            " experts",
        ),
        (
            across(model="org/one-layer"),
            "engine.pipeline_parallel_size",
            "2 is not allowed; allowed: up to 1, the layers of org/one-layer",
        ),
        (
            {"model": LLAMA_8B.name, "engine": vllm(expert_parallel={})},
            "engine.expert_parallel",
            "on is not allowed; allowed: none: meta-llama/Llama-3.1-8B-Instruct has no experts",
        ),
        (
            {"model": DBRX.name, "engine": vllm(expert_parallel={})},
            "engine.expert_parallel",
            "none: vLLM's EPLB cannot balance DbrxForCausalLM",
        ),
        (
            {"engine": vllm(expert_parallel={"redundant_experts": 3})},
            "engine.expert_parallel.redundant_experts",
            "3 is not allowed; allowed: 0, 8, 16, ...: 8 ranks share the 8 experts",
        ),
        (
            {"engine": vllm(expert_parallel={"data_parallel_size": 2, "redundant_experts": 8})},
            "engine.expert_parallel.data_parallel_size",
            "2 is not allowed; allowed: up to 1 beside tensor_parallel_size 8",
        ),
        (
            {"engine": {"kind": "deepspeed_mii"}, "model": MIXTRAL_8X22B.name},
            "engine.kind",
            "deepspeed_mii is not allowed; allowed: vllm for mistralai/Mixtral-8x22B",
        ),
        (
            {
                "engine": {"kind": "deepspeed_mii"},
                "autoscaling": {"max_replicas": 2},
            },
            "autoscaling",
            "none for deepspeed_mii: it exports no metric",
        ),
        ({"engine": {"kind": "sglang"}}, "engine.kind", '"sglang" is not allowed; allowed: vllm,'),
        ({"engine": {}}, "engine.kind", "missing; allowed: vllm, deepspeed_mii"),
        (
            {"engine": {"kind": "deepspeed_mii", "max_num_seqs": 8}},
            "engine.max_num_seqs",
            "unknown key",
        ),
        (
            {"engine": vllm(gpu_memory_utilization=0.4)},
            "engine.gpu_memory_utilization",
            "0.4 is not allowed; allowed: 0.5 to 0.95",
        ),
        (
            {"engine": vllm(gpu_memory_utilization=0.96)},
            "engine.gpu_memory_utilization",
            "0.96 is not allowed; allowed: 0.5 to 0.95",
        ),
        ({"engine": vllm(max_num_seqs=0)}, "engine.max_num_seqs", "1 to 4096"),
        (
            {"engine": vllm(max_queued_requests=0)},
            "engine.max_queued_requests",
            "greater than or equal to 1",
        ),
        (
            {"engine": vllm(efa_installer="latest")},
            "engine.efa_installer",
            '"latest" is not allowed',
        ),
        (
            {"max_model_len": 32769},
            "max_model_len",
            "32769 is not allowed; allowed: up to 32768, the context of",
        ),
    ],
)
def test_an_engine_that_could_not_start(server: dict[str, Any], key: str, says: str) -> None:
    found, message = refusal(model_server=server)
    assert found == f"model_server.{key}"
    assert says in message


@pytest.mark.parametrize(
    ("sections", "key", "says"),
    [
        (
            {"model_server": across(tensor_parallel_size=4)},
            "model_server.tensor_parallel_size",
            "4 is not allowed; allowed: 8, all GPUs of p4d.24xlarge",
        ),
        (
            {
                "model_server": across(
                    tensor_parallel_size=4,
                    engine=vllm(
                        pipeline_parallel_size=2,
                        efa_installer=INSTALLER,
                        expert_parallel={"data_parallel_size": 2},
                    ),
                )
            },
            "model_server.engine.expert_parallel.data_parallel_size",
            "2 is not allowed; allowed: 1 where the engine spans nodes",
        ),
        (
            {"model_server": across(), "gpu_node_group": {"efa": {"enabled": False}}},
            "gpu_node_group.efa.enabled",
            "false is not allowed; allowed: true where model_server.engine.pipeline_parallel_size",
        ),
        (
            {"model_server": across(engine=vllm(pipeline_parallel_size=2))},
            "model_server.engine.efa_installer",
            "missing; allowed: 1.29.0 or later",
        ),
        (
            {"model_server": across(engine=vllm(pipeline_parallel_size=2, efa_installer="1.28.0"))},
            "model_server.engine.efa_installer",
            "1.28.0 is not allowed; allowed: 1.29.0 or later",
        ),
        (
            {"model_server": across(image=f"vllm/vllm-openai@{DIGEST}")},
            "model_server.image",
            "allowed: an image with EFA userspace",
        ),
        # Two engines of two nodes each, and two nodes at most.
        (
            {"model_server": across(replicas=2)},
            "model_server.replicas",
            "2 is not allowed; allowed: up to 1: 2 nodes each, on gpu_node_group.desired_nodes 2",
        ),
        (
            {"model_server": across(nodes=3)},
            "model_server.replicas",
            "1 is not allowed; allowed: up to 0: 3 nodes each",
        ),
        (
            {"model_server": {"replicas": 2, "autoscaling": {"max_replicas": 2}}},
            "model_server.autoscaling.max_replicas",
            "2 is not allowed; allowed: more than replicas 2",
        ),
        (
            {"model_server": {"autoscaling": {"max_replicas": 3}}},
            "model_server.autoscaling.max_replicas",
            "3 is not allowed; allowed: up to 2: 1 a node, by GPUs, memory and CPU",
        ),
        (
            {"model_server": {"autoscaling": {"max_replicas": 2, "kv_cache_usage_ratio": 80}}},
            "model_server.autoscaling.kv_cache_usage_ratio",
            "80 is not allowed; allowed: less than 1",
        ),
        (
            {
                "model_server": {"model": DBRX.name},
                "gpu_node_group": {"instance_type": "p4de.24xlarge"},
            },
            "model_weights.hugging_face_token_secret",
            "the Secret with a token that may read databricks/dbrx-instruct, which is gated",
        ),
    ],
)
def test_an_engine_that_the_nodes_could_not_hold(
    sections: dict[str, dict[str, Any]], key: str, says: str
) -> None:
    found, message = refusal(**sections)
    assert found == key
    assert says in message


def test_a_gated_model_with_a_token_or_from_a_bucket() -> None:
    sections = {
        "model_server": {"model": DBRX.name},
        "gpu_node_group": {"instance_type": "p4de.24xlarge"},
    }
    token = {"hugging_face_token_secret": "hugging-face"}
    assert local(**sections, model_weights=token).memory_fit().fits
    assert local(**sections, model_weights={"kind": "s3"}).memory_fit().fits


@pytest.mark.parametrize(
    ("server", "says", "allowed"),
    [
        (
            {"model": MIXTRAL_8X22B.name},
            "on p4d.24xlarge with TP 8 (need",
            "allowed: 2 nodes of p4d.24xlarge with tensor_parallel_size 8",
        ),
        # The context is allowed, and the cache of one GPU holds less.
        (
            {"tensor_parallel_size": 4, "min_full_length_sequences": 64, "memory_gib": 400},
            "KV cache of 64 x 32768 tokens",
            "allowed: max_model_len",
        ),
        # Logits of 4096 sequences, and activations of 65536 tokens.
        (
            {
                "engine": vllm(max_num_seqs=4096, max_num_batched_tokens=65536),
                "min_full_length_sequences": 40,
            },
            "activations and graphs 8.8",
            "allowed: max_model_len",
        ),
    ],
)
def test_what_does_not_fit_says_need_have_and_what_would(
    server: dict[str, Any], says: str, allowed: str
) -> None:
    key, message = refusal(model_server=server)
    assert key == "model_server.model"
    assert says in message
    assert allowed in message


def test_8x22b_fits_two_nodes_of_40_gb() -> None:
    settings = local(model_server=across(model=MIXTRAL_8X22B.name))
    assert settings.memory_fit().fits
    assert str(settings.memory_fit().layout) == "TP 8 x PP 2"


@pytest.mark.parametrize("limit", [{}, {"max_queued_requests": 64}, {"max_queued_tokens": 9000}])
def test_alerts_know_whether_engines_refuse_requests(limit: dict[str, int]) -> None:
    served = local(model_server={"engine": vllm(**limit), "replicas": 2}).served(1800)
    assert served.queue_is_limited == bool(limit)
    assert served.engines == 2
    assert served.engine_has_metrics
