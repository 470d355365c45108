"""What the flags of a vLLM server mean (0.33: engine/arg_utils.py, config/parallel.py)."""

import json
import math
import re
from types import MappingProxyType
from typing import ClassVar

from catalog.assumptions import ASSUMPTIONS, MAX_NUM_BATCHED_TOKENS, MAX_NUM_SEQS
from catalog.gpu_overhead import Step
from catalog.memory_fit import DEFAULT_GPU_MEMORY_UTILIZATION
from catalog.models import Model
from catalog.parallel_layout import BALANCED_ARCHITECTURES, ParallelLayout
from policies.reading import child, shown
from policies.review import UnreadableError
from policies.servers.flags import FlagNames, known_word
from policies.servers.memory_share import MemoryShare
from policies.servers.server_flags import ServerFlags

TENSOR_PARALLEL = "tensor-parallel-size"
PIPELINE_PARALLEL = "pipeline-parallel-size"
DATA_PARALLEL = "data-parallel-size"
EXPERT_PARALLEL = "enable-expert-parallel"
EPLB = "enable-eplb"
EPLB_CONFIG = "eplb-config"
REDUNDANT_EXPERTS = "num_redundant_experts"
GPU_MEMORY_UTILIZATION = "gpu-memory-utilization"
MAX_MODEL_LEN = "max-model-len"
MAX_NUM_SEQS_FLAG = "max-num-seqs"
MAX_NUM_BATCHED_TOKENS_FLAG = "max-num-batched-tokens"
NODES = "nnodes"
NODE_RANK = "node-rank"
HEADLESS = "headless"
SHUTDOWN_TIMEOUT = "shutdown-timeout"
_CONTEXT_PARALLEL = "prefill-context-parallel-size"
_LOCAL_ENGINES = "data-parallel-size-local"
_EXTERNAL = "data-parallel-external-lb"
_HYBRID = "data-parallel-hybrid-lb"
_RANK = "data-parallel-rank"
_EXECUTOR = "distributed-executor-backend"
_KV_TRANSFER = "kv-transfer-config"
_EAGER = "enforce-eager"
_COUNTS_GRAPHS = "VLLM_MEMORY_PROFILER_ESTIMATE_CUDAGRAPHS"

_NAMES = FlagNames(
    long=(
        TENSOR_PARALLEL,
        PIPELINE_PARALLEL,
        DATA_PARALLEL,
        EXPERT_PARALLEL,
        EPLB,
        EPLB_CONFIG,
        GPU_MEMORY_UTILIZATION,
        MAX_MODEL_LEN,
        MAX_NUM_SEQS_FLAG,
        MAX_NUM_BATCHED_TOKENS_FLAG,
        NODES,
        NODE_RANK,
        HEADLESS,
        SHUTDOWN_TIMEOUT,
        _CONTEXT_PARALLEL,
        _LOCAL_ENGINES,
        _EXTERNAL,
        _HYBRID,
        _RANK,
        _EXECUTOR,
        _KV_TRANSFER,
        _EAGER,
        "config",
        "dtype",
        "model",
        "quantization",
    ),
    short=MappingProxyType(
        {
            "-tp": TENSOR_PARALLEL,
            "-pp": PIPELINE_PARALLEL,
            "-pcp": _CONTEXT_PARALLEL,
            "-dp": DATA_PARALLEL,
            "-dpe": _EXTERNAL,
            "-dph": _HYBRID,
            "-dpl": _LOCAL_ENGINES,
            "-dpn": _RANK,
            "-ep": EXPERT_PARALLEL,
            "-n": NODES,
            "-q": "quantization",
            "-r": NODE_RANK,
        }
    ),
    switches=frozenset({EXPERT_PARALLEL, EPLB, HEADLESS, _EAGER, _EXTERNAL, _HYBRID}),
    other_switches=re.compile(r"-dpm|--(?:(?:enable|disable)[-_].+|trust[-_]remote[-_]code)"),
)


class VllmFlags(ServerFlags):
    """What one vLLM server was given."""

    __slots__ = ()

    engine: ClassVar = "vLLM"
    names = _NAMES
    tensor_parallel: ClassVar = TENSOR_PARALLEL
    max_model_len: ClassVar = MAX_MODEL_LEN
    model_flag: ClassVar = "model"
    layout_flags: ClassVar = MappingProxyType(
        {
            "tensor_parallel_size": TENSOR_PARALLEL,
            "pipeline_parallel_size": PIPELINE_PARALLEL,
            "expert_parallel": EXPERT_PARALLEL,
            "redundant_experts": f"{EPLB_CONFIG}.{REDUNDANT_EXPERTS}",
        }
    )
    memory_share: ClassVar = MemoryShare(
        GPU_MEMORY_UTILIZATION, usual=DEFAULT_GPU_MEMORY_UTILIZATION
    )
    balanced: ClassVar = BALANCED_ARCHITECTURES

    def weights_as_catalogued(self, model: Model) -> bool:
        return self._has_catalogued_width(model, self.visible("quantization"))

    def layout(self) -> ParallelLayout:
        return ParallelLayout(
            self.whole_number(TENSOR_PARALLEL, 1),
            pipeline_parallel_size=self.visible_number(PIPELINE_PARALLEL, 1),
            data_parallel_size=self.visible_number(DATA_PARALLEL, 1),
            expert_parallel=self.is_on(EXPERT_PARALLEL),
            redundant_experts=self.redundant_experts(),
        )

    def step(self) -> Step:
        """Without a number of tokens vLLM takes as many as sequences, where its own is less."""
        sequences = self.visible_number(MAX_NUM_SEQS_FLAG, MAX_NUM_SEQS)
        usual = max(MAX_NUM_BATCHED_TOKENS, sequences)
        return Step(self.visible_number(MAX_NUM_BATCHED_TOKENS_FLAG, usual), sequences)

    def beside_share_gib(self, model: Model) -> float:
        """CUDA graphs, where it is told not to count them, and makes some."""
        counted = self.surroundings.variables.get(_COUNTS_GRAPHS, "1")
        if known_word(counted) != "0" or self.is_on(_EAGER):
            return 0.0
        return ASSUMPTIONS.cuda_graphs_gib

    def is_catalogued_layout(self) -> bool:
        """Whether `layout` says all: it knows no context parallelism."""
        return self.visible(_CONTEXT_PARALLEL) in (None, "1")

    def redundant_experts(self) -> int:
        """Fields given one by one replace the JSON as a whole, as vLLM reads them."""
        field = f"{EPLB_CONFIG}.{REDUNDANT_EXPERTS}"
        if any(flag.startswith(f"{EPLB_CONFIG}.") for flag in self.values):
            given: object = self.visible(field)
        else:
            given = child(_json(EPLB_CONFIG, self.visible(EPLB_CONFIG)), REDUNDANT_EXPERTS)
        number = "0" if given is None else shown(given)
        if not re.fullmatch(r"[0-9]{1,9}", number):
            raise UnreadableError(f"--{field} {shown(given)}, which is no whole number")
        return int(number)

    def sizes(self) -> str:
        given = {
            flag: self.visible(flag)
            for flag in (PIPELINE_PARALLEL, _CONTEXT_PARALLEL, DATA_PARALLEL, _LOCAL_ENGINES, NODES)
        }
        more = [f"--{flag} {size}" for flag, size in given.items() if size not in (None, "1")]
        return " x ".join([f"--{TENSOR_PARALLEL} {self.whole_number(TENSOR_PARALLEL, 1)}", *more])

    def gpus_of_pod(self) -> int:
        ranks = self.whole_number(TENSOR_PARALLEL, 1) * self.visible_number(_CONTEXT_PARALLEL, 1)
        if self._is_one_stage_a_pod():
            return ranks * self._engines_of_pod()
        engines = self._engines_of_pod()
        ranks *= self.visible_number(PIPELINE_PARALLEL, 1)
        # vLLM's `nnodes_within_dp`: how many of the nodes one data parallel rank spans.
        groups = max(self.visible_number(DATA_PARALLEL, 1) // engines, 1)
        return math.ceil(ranks / max(self.visible_number(NODES, 1) // groups, 1)) * engines

    def pods_of_engine(self) -> int | None:
        """Pods that the processes of one engine are spread over; None where Ray decides."""
        if self._has_ray():
            return None
        if (nodes := self.visible_number(NODES, 1)) > 1:
            return nodes
        return math.ceil(self.visible_number(DATA_PARALLEL, 1) / self._engines_of_pod())

    def spans_pods(self) -> bool:
        """Whether processes of the engine talk to others of it in another pod."""
        return (
            self.visible(NODES) not in (None, "1")
            or (self._has_ray() and self.visible(PIPELINE_PARALLEL) not in (None, "1"))
            or self._engines_of_pod() < self.visible_number(DATA_PARALLEL, 1)
        )

    def stays_in_its_pod(self) -> bool:
        """Whether nothing here talks to another pod, nor to another engine there."""
        return not (self.spans_pods() or self._has_ray() or self.visible(_KV_TRANSFER) is not None)

    def drain_s(self) -> int:
        """Without the flag, not at all."""
        return 0 if self.is_headless() else self.whole_number(SHUTDOWN_TIMEOUT, 0, least=0)

    def is_headless(self) -> bool:
        return self.is_on(HEADLESS)

    def answers_everywhere(self) -> bool:
        """Whether each pod of the engine has an API server of its own."""
        return self._is_external() or self.is_on(_HYBRID)

    def _is_external(self) -> bool:
        return self.is_on(_EXTERNAL) or _RANK in self.values

    def _has_ray(self) -> bool:
        """vLLM takes a Ray cluster that it was started in (config/parallel.py)."""
        given = self.visible(_EXECUTOR)
        return given == "ray" or (given is None and self.surroundings.starts_ray)

    def _is_one_stage_a_pod(self) -> bool:
        """Ray places one stage a node by vLLM's own rule. Both sizes may be a variable that
        nobody can read, such as $(LWS_GROUP_SIZE): as many stages as nodes."""
        stages = self.visible(PIPELINE_PARALLEL)
        is_same_variable = stages == self.visible(NODES) and stages is not None and "$" in stages
        return is_same_variable or self._has_ray()

    def _engines_of_pod(self) -> int:
        if self._is_external():
            return 1
        everywhere = self.visible_number(DATA_PARALLEL, 1)
        if self.visible(_LOCAL_ENGINES) is not None or self._is_one_stage_a_pod():
            return self.visible_number(_LOCAL_ENGINES, everywhere)
        return max(everywhere // self.visible_number(NODES, 1), 1)


def _json(flag: str, text: str | None) -> object:
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"--{flag} {shown(text)}, which is no JSON") from error
