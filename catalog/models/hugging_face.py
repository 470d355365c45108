"""Reads a model's config.json, as Hugging Face has it, into a catalogue entry.

One reader a family, chosen by `architectures[0]`, as vLLM chooses its class. What
`catalog.gpu_weights` cannot describe is refused here: a figure that is wrong would be found out
on a node that is paid for.
"""

import difflib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from catalog.models.config_keys import ConfigKeys, ConfigRefusedError, not_allowed
from catalog.models.model import Model, Quantization

Fields = dict[str, Any]

_FACTOR_IS_APPLIED = ("default", "llama3", "longrope", "su", "yarn")
"""Kinds of rope scaling whose max_position_embeddings is the longer context already; of the
others vLLM multiplies it (0.33, config/model.py, _get_and_verify_max_len)."""

_WHOLE_COLUMN = -1
_GROUP_SIZES = (_WHOLE_COLUMN, 32, 64, 128)
"""Of vLLM's Marlin kernels (0.33, quantization/utils/marlin_utils.py)."""

_NOT_QUANTIZED = ("gate", "lm_head", "router", "shared_expert_gate")
"""Small modules that a quantised model may leave at 16 bits: the formula does, too."""


def from_config(
    config: Mapping[str, Any], *, name: str, revision: str | None, gated: bool = False
) -> Model:
    """The entry of model `name`, whose config.json at commit `revision` is `config`.

    Raises ConfigRefusedError with the reason.
    """
    keys = ConfigKeys(config)
    architecture = _architecture(keys)
    fields = {
        **_READERS[architecture](keys),
        "quantization": _quantization(keys),
        "name": name,
        "revision": revision,
        "architecture": architecture,
        "gated": gated,
    }
    try:
        return Model(**fields)
    except ValidationError as error:
        raise ConfigRefusedError("; ".join(_words(each) for each in error.errors())) from None


def remarks(config: Mapping[str, Any]) -> list[str]:
    """What of `config` makes the figures of its entry err, on the safe side or for the files."""
    keys = ConfigKeys(config)
    found = []
    if (window := _sliding_window(keys)) is not None:
        found.append(
            f"sliding_window {window}: vLLM keeps no more of a sequence in such a layer, so the KV"
            " cache holds more long sequences than said here"
        )
    if keys.get("torch_dtype", keys.get("dtype")) == "float32":
        found.append(
            "torch_dtype float32: the files are twice as large as said here; vLLM serves 16 bits"
        )
    return found


def _mixtral(keys: ConfigKeys) -> Fields:
    return {
        **_decoder(keys),
        "intermediate_size": keys.count("intermediate_size"),
        "experts": keys.count("num_local_experts"),
        "experts_per_token": keys.count("num_experts_per_tok"),
    }


def _qwen_moe(keys: ConfigKeys) -> Fields:
    for key, uniform in (("decoder_sparse_step", 1), ("mlp_only_layers", [])):
        if keys.get(key, uniform) != uniform:
            raise not_allowed(
                key, keys[key], f"{uniform}: every layer has experts, as the formula counts them"
            )
    return {
        **_decoder(keys),
        "intermediate_size": keys.count("moe_intermediate_size"),
        "experts": keys.count("num_experts"),
        "experts_per_token": keys.count("num_experts_per_tok"),
        "shared_intermediate_size": keys.count("shared_expert_intermediate_size", 0, least=0),
    }


def _qwen3_moe(keys: ConfigKeys) -> Fields:
    keys.count("head_dim")  # 128 where the file leaves it out, and not hidden_size / heads
    return _qwen_moe(keys)


def _dbrx(keys: ConfigKeys) -> Fields:
    attention, experts = keys.section("attn_config"), keys.section("ffn_config")
    width, heads = keys.count("d_model"), keys.count("n_heads")
    return {
        "layers": keys.count("n_layers"),
        "hidden_size": width,
        "intermediate_size": experts.count("ffn_hidden_size"),
        "experts": experts.count("moe_num_experts"),
        "experts_per_token": experts.count("moe_top_k"),
        "attention_heads": heads,
        "kv_heads": attention.count("kv_n_heads"),
        "head_dim": _even_share("n_heads", heads, "d_model", width),
        "vocabulary": keys.count("vocab_size"),
        "context_tokens": keys.count("max_seq_len"),
        # Not that of attn_config and ffn_config, which are full of defaults of another class.
        "tied_embeddings": keys.flag("tie_word_embeddings"),
    }


def _dense(keys: ConfigKeys) -> Fields:
    return {**_decoder(keys), "intermediate_size": keys.count("intermediate_size")}


def _llama(keys: ConfigKeys) -> Fields:
    # Before grouped-query attention: the one family whose files may leave it out.
    heads = keys.count("num_attention_heads")
    return _dense(keys.with_default("num_key_value_heads", heads))


def _qwen3(keys: ConfigKeys) -> Fields:
    keys.count("head_dim")
    return _dense(keys)


_READERS: Mapping[str, Callable[[ConfigKeys], Fields]] = MappingProxyType(
    {
        "DbrxForCausalLM": _dbrx,
        "LlamaForCausalLM": _llama,
        "MistralForCausalLM": _dense,
        "MixtralForCausalLM": _mixtral,
        "Qwen2ForCausalLM": _dense,
        "Qwen2MoeForCausalLM": _qwen_moe,
        "Qwen3ForCausalLM": _qwen3,
        "Qwen3MoeForCausalLM": _qwen3_moe,
    }
)

ARCHITECTURES = tuple(_READERS)
"""Values of `architectures[0]` that can be read."""


def _decoder(keys: ConfigKeys) -> Fields:
    """What Llama's descendants call alike."""
    width, heads = keys.count("hidden_size"), keys.count("num_attention_heads")
    if keys.get("head_dim") is None:
        head_dim = _even_share("num_attention_heads", heads, "hidden_size", width)
    else:
        head_dim = keys.count("head_dim")
    return {
        "layers": keys.count("num_hidden_layers"),
        "hidden_size": width,
        "attention_heads": heads,
        "kv_heads": keys.count("num_key_value_heads"),
        "head_dim": head_dim,
        "vocabulary": keys.count("vocab_size"),
        "context_tokens": _context(keys),
        "tied_embeddings": keys.flag("tie_word_embeddings"),
    }


def _even_share(key: str, parts: int, whole_key: str, whole: int) -> int:
    if whole % parts:
        raise not_allowed(key, parts, f"a divisor of {whole_key} {whole}, or a key head_dim")
    return whole // parts


def _context(keys: ConfigKeys) -> int:
    context = keys.count("max_position_embeddings")
    scaling = keys.get("rope_scaling") or keys.get("rope_parameters") or {}
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind in _FACTOR_IS_APPLIED:
        return context
    return int(context * (scaling.get("factor") or 1))


def _sliding_window(keys: ConfigKeys) -> int | None:
    # Qwen's files name a window that use_sliding_window switches off.
    window = keys.get("sliding_window") if keys.get("use_sliding_window", True) else None
    return window if isinstance(window, int) and window < _context(keys) else None


def _architecture(keys: ConfigKeys) -> str:
    named = keys.get("architectures")
    if not isinstance(named, Sequence) or isinstance(named, str) or not named:
        raise ConfigRefusedError(
            "architectures: missing; a config.json of Hugging Face names the model's class there"
        )
    for key, reason in _OTHER_MEMORY.items():
        if keys.get(key):
            raise not_allowed(key, keys[key], f"none: {reason}")
    kinds = set(keys.get("layer_types") or ()) - {"full_attention", "sliding_attention"}
    if kinds:
        raise not_allowed(
            "layer_types",
            ", ".join(sorted(kinds)),
            "full_attention, sliding_attention: other layers keep a state in place of a KV cache",
        )
    architecture = str(named[0])
    if architecture not in _READERS:
        close = difflib.get_close_matches(architecture, ARCHITECTURES, n=2, cutoff=0.8)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise not_allowed("architectures", architecture, f"{', '.join(ARCHITECTURES)}{hint}")
    return architecture


_OTHER_MEMORY: Mapping[str, str] = MappingProxyType(
    {
        "kv_lora_rank": "latent attention caches one compressed vector in place of keys and values",
        "is_encoder_decoder": "an encoder and cross attention are not counted",
        "text_config": "a model of images or sound has weights and caches that are not counted",
        "vision_config": "a model of images or sound has weights and caches that are not counted",
        "audio_config": "a model of images or sound has weights and caches that are not counted",
        "first_k_dense_replace": "layers without experts beside layers with them are not counted",
        "attn_layer_period": "a state space layer keeps a state in place of a KV cache",
        "hybrid_override_pattern": "a state space layer keeps a state in place of a KV cache",
        "mamba_d_state": "a state space layer keeps a state in place of a KV cache",
        "ssm_cfg": "a state space layer keeps a state in place of a KV cache",
        "linear_num_key_heads": "linear attention keeps a state in place of a KV cache",
        "num_kv_shared_layers": "layers that share a KV cache are not counted",
    }
)
"""Keys of models whose weights or cache are not what the formula counts."""


def _quantization(keys: ConfigKeys) -> Quantization | None:
    if not keys.get("quantization_config"):
        return None
    found = keys.section("quantization_config")
    method, allowed = found.get("quant_method"), {"awq": (4,), "gptq": (4, 8)}
    if method not in allowed:
        raise not_allowed(
            found.path("quant_method"),
            method,
            "awq, gptq, or a model of 16 bits: an A100 has no FP8 arithmetic, and how the others"
            " store weights is not counted",
        )
    bits = found.count("w_bit" if found.get("bits") is None else "bits")
    if bits not in allowed[method]:
        few = " or ".join(map(str, allowed[method]))
        raise not_allowed(
            found.path("bits"), bits, f"{few}, which vLLM's kernels for {method} take"
        )
    if found.get("dynamic"):
        raise not_allowed(found.path("dynamic"), found["dynamic"], "none: all layers alike")
    skipped = [str(module) for module in found.get("modules_to_not_convert") or ()]
    if large := [each for each in skipped if each.rsplit(".", 1)[-1] not in _NOT_QUANTIZED]:
        raise not_allowed(
            found.path("modules_to_not_convert"),
            ", ".join(large),
            f"{', '.join(_NOT_QUANTIZED)}: the formula counts all else as quantised",
        )
    key = "q_group_size" if found.get("group_size") is None else "group_size"
    group_size = found.count(key, least=-1)
    if group_size not in _GROUP_SIZES:
        few = ", ".join(map(str, _GROUP_SIZES))
        raise not_allowed(found.path(key), group_size, f"{few}, which vLLM's kernels take")
    return Quantization(
        method=method, bits=bits, group_size=None if group_size == _WHOLE_COLUMN else group_size
    )


def _words(error: Mapping[str, Any]) -> str:
    if not error["loc"]:
        return str(error["msg"]).removeprefix("Value error, ")
    field = ".".join(map(str, error["loc"]))
    allowed = _SPELLING.get(field, str(error["msg"]).removeprefix("Input should "))
    return f"{field} {error['input']} is not allowed; allowed: {allowed}"


_SPELLING: Mapping[str, str] = MappingProxyType(
    {
        "name": "org/model, the id that Hugging Face has",
        "revision": "the 40 hexadecimal digits of a commit; a branch moves",
    }
)
