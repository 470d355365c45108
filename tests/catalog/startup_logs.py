"""Published logs of vLLM servers that started, and what the formula says of the same engines."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from catalog.assumptions import ASSUMPTIONS, Assumptions
from catalog.gpu_overhead import Step, activations_gib, non_torch_gib
from catalog.gpu_weights import kv_bytes_per_token, layers_of_stages, stage_weights_gib
from catalog.instance_types import GIB
from catalog.models import Model
from catalog.parallel_layout import ParallelLayout

FILE = Path(__file__).with_name("startup_logs.json")

GRAPHS_IN_BUDGET = (0, 21)
"""First version of vLLM that takes CUDA graphs from the budget."""
LOGITS_UNSORTED = (0, 10)
"""First version here that samples without sorting all logits."""
_SORTING_COPIES = 10.0

_V1_ENGINE = (0, 8)
_UNKNOWN: tuple[int, ...] = ()

_SHARED_EXPERTS = {"Qwen/Qwen1.5-MoE-A2.7B": 5632}
_OTHER_SHAPES = {
    "meta-llama/Llama-4-Scout-17B-16E-Instruct": "images, and attention within chunks",
    "deepseek-ai/DeepSeek-V2.5": "latent attention, which `moe model add` refuses",
    "openai/gpt-oss-120b": "MXFP4 and sliding windows, which `moe model add` refuses",
}
"""What the formula does not describe, and why."""


@dataclass(frozen=True)
class StartupLog:
    """One engine: what was measured is of one GPU, None where the log does not say it."""

    source: str
    model: Model
    version: tuple[int, ...]
    version_name: str
    gpu: str
    visible_gib: float
    layout: ParallelLayout
    stage: int
    utilization: float | None
    step: Step
    weights_gib: float | None
    kv_tokens: int | None
    activations_gib: float | None
    non_torch_gib: float | None

    @property
    def other_shape(self) -> str | None:
        """Why the formula does not describe the model, where it does not."""
        return _OTHER_SHAPES.get(self.model.name)

    @property
    def other_memory(self) -> str | None:
        """Why its KV cache is not compared."""
        if self.other_shape:
            return self.other_shape
        if self.version == _UNKNOWN:
            return "neither the version nor the GPU is said"
        if self.version < _V1_ENGINE:
            return "the V0 engine, whose profiler counted otherwise"
        return None

    @property
    def assumptions(self) -> Assumptions:
        """Those of the log's own version of vLLM."""
        found = ASSUMPTIONS
        if self.version < GRAPHS_IN_BUDGET:
            found = replace(found, cuda_graphs_gib=0.0)
        if self.version < LOGITS_UNSORTED:
            found = replace(found, logits_copies=_SORTING_COPIES)
        return found

    @property
    def predicted_weights_gib(self) -> float:
        return stage_weights_gib(self.model, self.layout, self.stage)

    @property
    def predicted_activations_gib(self) -> float:
        return activations_gib(self.model, self.layout, self.stage, self.step, self.assumptions)

    @property
    def predicted_non_torch_gib(self) -> float:
        return non_torch_gib(self.layout, self.assumptions)

    @property
    def predicted_kv_tokens(self) -> int | None:
        if self.utilization is None:
            return None
        cache_gib = (
            self.visible_gib * self.utilization
            - self.predicted_weights_gib
            - self.predicted_activations_gib
            - self.predicted_non_torch_gib
            - self.assumptions.cuda_graphs_gib
        )
        layers = layers_of_stages(self.model.layers, self.layout.pipeline_parallel_size)
        per_token = kv_bytes_per_token(
            self.model, self.layout.tensor_parallel_size, layers=layers[self.stage]
        )
        return max(0, math.floor(cache_gib * GIB / per_token))


def read() -> list[StartupLog]:
    return [_log(entry) for entry in json.loads(FILE.read_text())]


def _log(entry: dict[str, Any]) -> StartupLog:
    measured, gpu = entry["measured"], entry["gpu"]
    version = _version(entry["vllm_version"])
    # What vLLM takes where the log does not say it: less on an A100 than on an H100.
    default = Step(8192, 1024) if "H100" in gpu["name"] else Step(2048, 256)
    stages = entry["pipeline_parallel_size"]
    stated_gib = gpu["memory_gib_stated"]
    # A whole number is the size that the GPU is sold with, another what CUDA reported.
    hidden = ASSUMPTIONS.driver_reserved_fraction if stated_gib == int(stated_gib) else 0
    return StartupLog(
        source=entry["source"],
        model=_model(entry["model"], entry["architecture"]),
        version=version,
        version_name=entry["vllm_version"] or "-",
        gpu=_gpu(gpu["name"], stated_gib),
        visible_gib=stated_gib * (1 - hidden),
        layout=ParallelLayout(entry["tensor_parallel_size"], stages),
        # The report quotes the first rank; the logs were read for the fullest stage.
        stage=0 if "accuracy_report" in entry["source"] else stages - 1,
        utilization=entry["gpu_memory_utilization"],
        step=Step(
            entry["max_num_batched_tokens"] or default.max_num_batched_tokens,
            entry["max_num_seqs"] or default.max_num_seqs,
        ),
        weights_gib=measured["weights_gib_per_gpu"],
        kv_tokens=measured["kv_tokens"],
        activations_gib=measured["activation_peak_gib"],
        non_torch_gib=measured["non_torch_gib"],
    )


def _version(name: str | None) -> tuple[int, ...]:
    if name is None:
        return _UNKNOWN
    if name.startswith("main of"):
        return (0,)
    return tuple(int(part) for part in name.split("."))


def _gpu(name: str, memory_gib: float) -> str:
    family = next((each for each in ("H100", "A100", "A10") if each in name), "?")
    return f"{family} {math.ceil(memory_gib)} GB"


def _model(name: str, shape: dict[str, Any]) -> Model:
    return Model(
        name=name if "/" in name else f"meta-llama/{name}",
        architecture="of a log",
        layers=shape["layers"],
        hidden_size=shape["hidden"],
        intermediate_size=shape["expert_ffn"],
        experts=shape["experts"],
        experts_per_token=shape["experts_per_token"],
        shared_intermediate_size=_SHARED_EXPERTS.get(name, 0),
        attention_heads=shape["attention_heads"],
        kv_heads=shape["kv_heads"],
        head_dim=shape["head_dim"],
        vocabulary=shape["vocabulary"],
        context_tokens=1,
        tied_embeddings=shape["tied_embeddings"],
    )
