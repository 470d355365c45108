"""From a config.json to an entry, and what is refused on the way."""

from typing import Any

import pytest

from catalog.models import MODELS, Model
from catalog.models.config_keys import ConfigRefusedError
from catalog.models.hugging_face import ARCHITECTURES, from_config, remarks
from catalog.models.model import Quantization
from tests.catalog.configs import (
    AWQ,
    CONFIGS,
    DBRX_OF_TEST_SUITES,
    DEEPSEEK_V2_LITE,
    JAMBA,
    Config,
)

MIXTRAL = CONFIGS["mistralai/Mixtral-8x7B-Instruct-v0.1"]
QWEN_MOE = CONFIGS["Qwen/Qwen3-30B-A3B"]
LLAMA = CONFIGS["meta-llama/Llama-3.1-8B-Instruct"]
DBRX = CONFIGS["databricks/dbrx-instruct"]
REVISION = "0123456789abcdef" * 2 + "01234567"


def read(config: Config, **changes: Any) -> Model:
    return from_config({**config, **changes}, name="org/model", revision=REVISION)


def without(config: Config, key: str) -> Config:
    return {name: value for name, value in config.items() if name != key}


def refusal(config: Config, **changes: Any) -> str:
    with pytest.raises(ConfigRefusedError) as error:
        read(config, **changes)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "total_billion", "active_billion"),
    # As the model cards publish them, at their precision.
    [
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", 46.7, 12.9),
        ("mistralai/Mixtral-8x22B-Instruct-v0.1", 140.6, 39.2),
        ("databricks/dbrx-instruct", 131.6, 36.5),
        ("Qwen/Qwen3-30B-A3B", 30.5, 3.35),
        ("Qwen/Qwen3-235B-A22B", 235.1, 22.2),
        ("Qwen/Qwen1.5-MoE-A2.7B-Chat", 14.3, 2.69),
        ("meta-llama/Llama-3.1-8B-Instruct", 8.03, 8.03),
        ("meta-llama/Llama-3.1-70B-Instruct", 70.55, 70.55),
        ("meta-llama/Llama-3.2-1B-Instruct", 1.24, 1.24),
        ("mistralai/Mistral-7B-v0.1", 7.24, 7.24),
        ("mistralai/Mistral-Nemo-Instruct-2407", 12.25, 12.25),
        ("Qwen/Qwen2.5-7B-Instruct", 7.61, 7.61),
        ("Qwen/Qwen3-0.6B", 0.596, 0.596),
    ],
)
def test_parameters_are_the_published_ones(
    name: str, total_billion: float, active_billion: float
) -> None:
    entry = from_config(CONFIGS[name], name=name, revision=REVISION)
    assert entry.parameters / 1e9 == pytest.approx(total_billion, rel=0.005, abs=0.05)
    assert entry.active_parameters / 1e9 == pytest.approx(active_billion, rel=0.005, abs=0.05)


@pytest.mark.parametrize("name", [name for name in MODELS if name in CONFIGS])
def test_the_entries_are_what_their_config_says(name: str) -> None:
    entry = MODELS[name]
    assert entry == from_config(
        CONFIGS[name], name=name, revision=entry.revision, gated=entry.gated
    )


def test_every_architecture_has_a_released_config_here() -> None:
    assert {config["architectures"][0] for config in CONFIGS.values()} == set(ARCHITECTURES)


def test_the_ffn_of_test_suites_gives_half_a_dbrx() -> None:
    """Nothing in the file tells it from a model of another size: the card does."""
    assert read(DBRX_OF_TEST_SUITES).parameters / 1e9 == pytest.approx(48, abs=1)
    assert read(DBRX).parameters / 1e9 == pytest.approx(131.6, abs=0.05)


def test_head_dim_where_it_is_not_hidden_size_over_heads() -> None:
    assert read(CONFIGS["mistralai/Mistral-Nemo-Instruct-2407"]).head_dim == 128
    assert read(CONFIGS["Qwen/Qwen3-0.6B"]).head_dim == 128
    assert read(MIXTRAL, head_dim=None).head_dim == 128


def test_llama_before_grouped_query_attention() -> None:
    assert read(without(LLAMA, "num_key_value_heads")).kv_heads == 32


@pytest.mark.parametrize(
    ("scaling", "context"),
    [
        (None, 131072),
        ({"rope_type": "llama3", "factor": 8.0}, 131072),
        # vLLM 0.33 takes the file's length as scaled already.
        ({"rope_type": "yarn", "factor": 4.0}, 131072),
        ({"type": "linear", "factor": 2.0}, 262144),
        ({"rope_type": "dynamic", "factor": 2.0}, 262144),
        ({"rope_type": "default", "rope_theta": 10000.0}, 131072),
    ],
)
def test_context_with_rope_scaling(scaling: Config | None, context: int) -> None:
    assert read(LLAMA, rope_scaling=scaling).context_tokens == context


@pytest.mark.parametrize(
    ("found", "quantization"),
    [
        (AWQ, Quantization(method="awq", bits=4, group_size=128)),
        (
            {"quant_method": "awq", "w_bit": 4, "q_group_size": 64},
            Quantization(method="awq", bits=4, group_size=64),
        ),
        (
            {"quant_method": "gptq", "bits": 8, "group_size": -1, "desc_act": True},
            Quantization(method="gptq", bits=8, group_size=None),
        ),
        (None, None),
    ],
)
def test_quantized_weights(found: Config | None, quantization: Quantization | None) -> None:
    assert read(MIXTRAL, quantization_config=found).quantization == quantization


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (
            {"quant_method": "fp8"},
            "quantization_config.quant_method fp8 is not allowed; allowed: awq, gptq, or a model of"
            " 16 bits: an A100 has no FP8",
        ),
        ({"quant_method": "mxfp4"}, "quant_method mxfp4 is not allowed"),
        ({"bits": 4}, "quant_method null is not allowed"),
        ({**AWQ, "bits": 8}, "bits 8 is not allowed; allowed: 4, which vLLM's kernels for awq"),
        ({"quant_method": "gptq", "bits": 3, "group_size": 128}, "bits 3 is not allowed; .*4 or 8"),
        ({**AWQ, "group_size": 100}, "group_size 100 is not allowed; allowed: -1, 32, 64, 128"),
        (
            {"quant_method": "awq", "bits": 4},
            "quantization_config.group_size: missing|q_group_size",
        ),
        (
            {**AWQ, "modules_to_not_convert": ["gate", "model.layers.0.self_attn"]},
            "modules_to_not_convert model.layers.0.self_attn is not allowed; allowed: gate,",
        ),
        (
            {"quant_method": "gptq", "bits": 4, "group_size": 128, "dynamic": {"+:0": {"bits": 8}}},
            "quantization_config.dynamic .* is not allowed; allowed: none",
        ),
    ],
)
def test_quantized_weights_that_are_not_counted(found: Config, says: str) -> None:
    with pytest.raises(ConfigRefusedError, match=says):
        read(MIXTRAL, quantization_config=found)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (DEEPSEEK_V2_LITE, "kv_lora_rank 512 is not allowed; allowed: none: latent attention"),
        (JAMBA, "attn_layer_period 8 is not allowed; allowed: none: a state space layer"),
        (
            {**QWEN_MOE, "layer_types": ["linear_attention", "full_attention"]},
            "layer_types linear_attention is not allowed; allowed: full_attention,",
        ),
        (
            {**QWEN_MOE, "decoder_sparse_step": 2},
            "decoder_sparse_step 2 is not allowed; allowed: 1: every layer has experts",
        ),
        ({**QWEN_MOE, "mlp_only_layers": [0]}, "mlp_only_layers [0] is not allowed; allowed: []"),
        (
            {**QWEN_MOE, "num_experts": 0},
            "num_experts 0 is not allowed; allowed: a whole number, 1",
        ),
        ({**LLAMA, "is_encoder_decoder": True}, "is_encoder_decoder true is not allowed"),
        ({**LLAMA, "vision_config": {"depth": 32}}, "vision_config"),
        (without(LLAMA, "architectures"), "architectures: missing"),
        ({**LLAMA, "architectures": []}, "architectures: missing"),
        (
            {**LLAMA, "architectures": ["Qwen3MoForCausalLM"]},
            "did you mean Qwen3MoeForCausalLM or",
        ),
        ({**LLAMA, "architectures": ["GPT2LMHeadModel"]}, "GPT2LMHeadModel is not allowed"),
        (without(MIXTRAL, "num_local_experts"), "num_local_experts: missing"),
        (without(MIXTRAL, "num_key_value_heads"), "num_key_value_heads: missing"),
        (without(CONFIGS["Qwen/Qwen3-0.6B"], "head_dim"), "head_dim: missing"),
        (without(DBRX, "attn_config"), "attn_config: missing; allowed: a map"),
        ({**DBRX, "ffn_config": []}, "ffn_config [] is not allowed; allowed: a map of keys"),
        ({**DBRX, "ffn_config": {"ffn_hidden_size": 1}}, "ffn_config.moe_num_experts: missing"),
        ({**LLAMA, "hidden_size": "4096"}, "hidden_size 4096 is not allowed; allowed: a whole"),
        ({**LLAMA, "hidden_size": True}, "hidden_size true is not allowed"),
        ({**LLAMA, "num_attention_heads": 33}, "a divisor of hidden_size 4096, or a key head_dim"),
        (
            {**LLAMA, "tie_word_embeddings": "no"},
            "tie_word_embeddings no is not allowed; .*true or",
        ),
        ({**MIXTRAL, "num_experts_per_tok": 9}, "experts_per_token 9 is not allowed; .*experts 8"),
    ],
)
def test_a_refusal_names_key_value_and_what_is_allowed(config: Config, says: str) -> None:
    message = refusal(config)
    head, _, tail = says.partition(".*")
    assert head in message
    assert tail in message


@pytest.mark.parametrize(
    ("name", "revision", "says"),
    [
        ("model", REVISION, "name model is not allowed; allowed: org/model"),
        ("a/b/c", REVISION, "name a/b/c is not allowed"),
        ("org/model", "main", "revision main is not allowed; allowed: the 40 hexadecimal digits"),
    ],
)
def test_name_and_revision(name: str, revision: str, says: str) -> None:
    with pytest.raises(ConfigRefusedError, match=says):
        from_config(MIXTRAL, name=name, revision=revision)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (CONFIGS["mistralai/Mistral-7B-v0.1"], ["sliding_window 4096"]),
        # Named, and switched off.
        (CONFIGS["Qwen/Qwen2.5-7B-Instruct"], []),
        ({**CONFIGS["Qwen/Qwen2.5-7B-Instruct"], "sliding_window": 4096}, []),
        (MIXTRAL, []),
        ({**MIXTRAL, "torch_dtype": "float32"}, ["torch_dtype float32"]),
    ],
)
def test_what_makes_figures_err_is_remarked(config: Config, says: list[str]) -> None:
    found = remarks(config)
    assert [each[: len(start)] for each, start in zip(found, says, strict=True)] == says
