"""Flags of a vLLM server, read as vLLM reads them.

`--flag value`, `--flag=value`, `-tp 8`, underscores for dashes, unambiguous
abbreviations, the last of several wins (0.33: utils/argparse_utils.py,
engine/arg_utils.py, config/parallel.py).
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pulumi_policy.proxy import UnknownValueError

from catalog.models import MODELS, MoeModel
from policies.command_lines import Token, vllm_arguments
from policies.reading import shown
from policies.review import UnreadableError

TENSOR_PARALLEL = "tensor-parallel-size"
GPU_MEMORY_UTILIZATION = "gpu-memory-utilization"
MAX_MODEL_LEN = "max-model-len"
_STAGES = "pipeline-parallel-size"
_NODES = "nnodes"
_CONTEXT_PARALLEL = "prefill-context-parallel-size"

_FLAGS = (
    TENSOR_PARALLEL,
    GPU_MEMORY_UTILIZATION,
    MAX_MODEL_LEN,
    "config",
    "data-parallel-external-lb",
    "data-parallel-rank",
    "data-parallel-size",
    "data-parallel-size-local",
    "distributed-executor-backend",
    "dtype",
    "kv-transfer-config",
    "model",
    "quantization",
    _CONTEXT_PARALLEL,
    _NODES,
    _STAGES,
)
_SHORT_FLAGS = MappingProxyType(
    {
        "-tp": TENSOR_PARALLEL,
        "-pp": _STAGES,
        "-pcp": _CONTEXT_PARALLEL,
        "-dp": "data-parallel-size",
        "-dpe": "data-parallel-external-lb",
        "-dpl": "data-parallel-size-local",
        "-dpn": "data-parallel-rank",
        "-n": _NODES,
        "-q": "quantization",
    }
)
# Flags that take no value, so that the word after one is not eaten as its value.
_SWITCH = re.compile(
    r"-dpe|-dph|--(?:(?:no|enable|disable)[-_].+"
    r"|data[-_]parallel[-_](?:external|hybrid)[-_]lb|enforce[-_]eager|headless"
    r"|trust[-_]remote[-_]code)"
)
_SIXTEEN_BITS = (None, "auto", "bfloat16", "float16", "half")
# The folder of a revision, below that of its model.
_REVISION = re.compile(r"[0-9a-f]{40}")
_NEGATIVE_NUMBER = re.compile(r"-[0-9.]+")
_HUMAN_NUMBER = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)([kKmMgG]?)")
_UNITS = MappingProxyType(
    {
        "": 1,
        **{unit: 1000**n for n, unit in enumerate("kmg", 1)},
        **{unit: 1024**n for n, unit in enumerate("KMG", 1)},
    }
)


@dataclass(frozen=True, slots=True)
class Flags:
    """What one vLLM server was given.

    `hidden` is why a flag that is absent here may be set all the same: an
    argument that is not known yet, a file, a variable that nobody can read.
    """

    values: Mapping[str, Token]
    words: Sequence[Token]
    hidden: str | UnknownValueError | None

    def text(self, flag: str) -> str | None:
        """The flag's value; None where the server was started without it."""
        if flag in self.values:
            return _known(self.values[flag])
        if isinstance(self.hidden, UnknownValueError):
            raise self.hidden
        if self.hidden is not None:
            raise UnreadableError(f"--{flag} may be set by {self.hidden}")
        return None

    def whole_number(self, flag: str, default: int) -> int:
        """A number of at least one; vLLM reads 32k as 32000 and 32K as 32768."""
        return _whole_number(flag, self.text(flag), default)

    def model(self) -> MoeModel | None:
        """The served model, where the catalogue has it: by its name or as a path to it."""
        if (given := self._visible("model")) is not None:
            return _in_catalogue(given)
        if self.words and not _is_flag(first := _known(self.words[0])):
            return _in_catalogue(first)
        return next((m for w in self.words if isinstance(w, str) and (m := MODELS.get(w))), None)

    def weights_as_catalogued(self) -> bool:
        """Whether the weights are 16 bits wide, which all figures of the catalogue suppose."""
        dtype = self._visible("dtype")
        return self._visible("quantization") is None and dtype in _SIXTEEN_BITS

    def spans_stages_or_nodes(self) -> bool:
        """Whether tensor parallelism is not all there is: the catalogue has no formula then."""
        return any(
            self._visible(flag) not in (None, "1") for flag in (_STAGES, _NODES, _CONTEXT_PARALLEL)
        )

    def stays_in_its_pod(self) -> bool:
        """Whether no process of the engine talks to one of another pod."""
        engines = self._visible_number("data-parallel-size", 1)
        return (
            self._visible(_STAGES) in (None, "1")
            and self._visible(_NODES) in (None, "1")
            and self._visible("distributed-executor-backend") != "ray"
            and self._engines_of_pod() == engines
            and self._visible("kv-transfer-config") is None
        )

    def gpus_of_pod(self) -> int:
        """GPUs that the server's processes in one pod take."""
        ranks = self.whole_number(TENSOR_PARALLEL, 1) * self._visible_number(_CONTEXT_PARALLEL, 1)
        return ranks * self._engines_of_pod() * self._stages_of_pod()

    def _engines_of_pod(self) -> int:
        if {"data-parallel-external-lb", "data-parallel-rank"} & self.values.keys():
            return 1
        everywhere = self._visible_number("data-parallel-size", 1)
        return self._visible_number("data-parallel-size-local", everywhere)

    def _stages_of_pod(self) -> int:
        stages, nodes = self._visible(_STAGES), self._visible(_NODES)
        # In a LeaderWorkerSet both are $(LWS_GROUP_SIZE): one stage a pod. Ray places
        # the stages, one a node by vLLM's own rule.
        if stages == nodes or self._visible("distributed-executor-backend") == "ray":
            return 1
        return math.ceil(self._visible_number(_STAGES, 1) / self._visible_number(_NODES, 1))

    def _visible(self, flag: str) -> str | None:
        """As `text`, but what may be hidden is taken to be absent.

        Of the flags that few servers have: else one argument that is not known yet
        would keep every server from being checked at all.
        """
        return _known(self.values[flag]) if flag in self.values else None

    def _visible_number(self, flag: str, default: int) -> int:
        return _whole_number(flag, self._visible(flag), default)


def vllm_flags(container: Mapping[str, Any]) -> Flags | None:
    """Flags of the vLLM server that `container` starts; None where it starts none."""
    words = vllm_arguments(container)
    return None if words is None else parse(words)


def parse(words: Sequence[Token]) -> Flags:
    values: dict[str, Token] = {}
    hidden: str | UnknownValueError | None = None
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if isinstance(word, UnknownValueError):
            hidden = word
            continue
        if not _is_flag(word):
            # The first word is the model, whatever a variable makes of it.
            if "$" in word and index > 1:
                hidden = hidden or f"{shown(word)}, which no policy can read"
            continue
        name, equals, value = word.partition("=")
        given: Token = value
        if not equals and not _SWITCH.fullmatch(name) and index < len(words):
            following = words[index]
            if isinstance(following, UnknownValueError) or not _is_flag(following):
                given = following
                index += 1
        if (flag := _flag(name)) is not None:
            values[flag] = given
    if "config" in values:
        hidden = hidden or "the file of --config, which no policy can read"
    return Flags(values, words, hidden)


def _is_flag(word: str) -> bool:
    return len(word) > 1 and word.startswith("-") and not _NEGATIVE_NUMBER.fullmatch(word)


def _flag(name: str) -> str | None:
    if not name.startswith("--"):
        return _SHORT_FLAGS.get(name)
    name = name[2:].replace("_", "-")
    if name in _FLAGS:
        return name
    abbreviated = [flag for flag in _FLAGS if flag.startswith(name)]
    return abbreviated[0] if len(abbreviated) == 1 else None


def _known(token: Token) -> str:
    if isinstance(token, UnknownValueError):
        raise token
    return token


def _in_catalogue(name: str) -> MoeModel | None:
    if (model := MODELS.get(name)) is not None:
        return model
    parts = name.rstrip("/").split("/")
    if _REVISION.fullmatch(parts[-1]):
        parts.pop()
    last = parts[-1].lower() if parts else ""
    return next((m for m in MODELS.values() if m.name.rsplit("/", 1)[-1].lower() == last), None)


def _whole_number(flag: str, text: str | None, default: int) -> int:
    if text is None:
        return default
    match = _HUMAN_NUMBER.fullmatch(text.strip())
    number = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if number < 1 or not number.is_integer():
        raise UnreadableError(f"--{flag} {shown(text)}, which is no whole number of at least 1")
    return int(number)
