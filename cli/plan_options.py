"""The options of `moe plan`, as typed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cli.answer import CommandError
from planner.target import DEFAULT_REJECTED_SHARE
from planner.workload import DEFAULT_BURST_S

_T = TypeVar("_T")

ASSUMED_OPTIONS = ("--assume-step-ms", "--assume-sequence-ms", "--assume-prefill-tokens-per-s")


@dataclass(frozen=True, kw_only=True)
class Options:
    """As typed; None where an option was left out."""

    stack: str | None = None
    model: str | None = None
    instance_type: str | None = None
    tensor_parallel_size: int | None = None
    pipeline_parallel_size: int | None = None
    data_parallel_size: int | None = None
    expert_parallel: bool | None = None
    redundant_experts: int | None = None
    max_model_len: int | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    gpu_memory_utilization: float | None = None
    region: str | None = None
    rps: float | None = None
    burst_factor: float = 1.0
    burst_s: float = DEFAULT_BURST_S
    prompt_mean: float | None = None
    prompt_p99: float | None = None
    output_mean: float | None = None
    output_p99: float | None = None
    ttft_p99_s: float | None = None
    itl_p99_ms: float | None = None
    max_rejected: float = DEFAULT_REJECTED_SHARE
    measured: Sequence[str] = ()
    assume_step_ms: float | None = None
    assume_sequence_ms: float | None = None
    assume_prefill_tokens_per_s: float | None = None
    assume_layout: Sequence[str] = ()
    assume_scaling: float | None = None
    replicas: int | None = None
    requests: int | None = None
    seed: int = 1
    compare: bool = False


def option(name: str) -> str:
    """As it is typed."""
    return f"--{name.replace('_', '-')}"


def checked(options: str, make: Callable[[], _T]) -> _T:
    """What `make` makes; a ValueError of its becomes one error that names `options`."""
    try:
        return make()
    except ValueError as error:
        raise CommandError(f"{options}: {error}") from None
