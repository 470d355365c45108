"""What the memory formula takes for granted: constants that logs of running servers bear out.

The logs are tests/catalog/startup_logs.json; how far off the formula is, in docs/memory-fit.md.
"""

from dataclasses import dataclass

MAX_NUM_BATCHED_TOKENS = 2048
MAX_NUM_SEQS = 256
"""What vLLM 0.33 takes on an A100, whatever its memory (engine/arg_utils.py)."""


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Each can be replaced by a measurement.

    driver_reserved_fraction: share of a GPU's memory that CUDA does not show
        (a 40 GiB A100 reports 39.4 GiB, an 80 GiB one 79.2 GiB).
    cuda_libraries_gib: CUDA's libraries and their workspaces on a GPU by itself.
    communication_gib: buffers of NCCL and of vLLM's all-reduce, where GPUs share layers.
    cuda_graphs_gib: graphs of vLLM's usual sizes; part of the budget since vLLM 0.21.
    hidden_copies: hidden states of a step that a layer holds at once, at its peak.
    sampled_hidden_copies: those that are still there while tokens are sampled.
    logits_copies: logits of 32 bits that sampling holds at once. It was about 10 while vLLM
        sorted them (before 0.10).
    host_overhead_per_gpu_gib: host memory of one worker process (Python, CUDA
        context, pinned buffers).
    """

    driver_reserved_fraction: float = 0.015
    cuda_libraries_gib: float = 0.25
    communication_gib: float = 2.0
    cuda_graphs_gib: float = 1.1
    hidden_copies: float = 7.0
    sampled_hidden_copies: float = 3.0
    logits_copies: float = 3.5
    host_overhead_per_gpu_gib: float = 4.0


ASSUMPTIONS = Assumptions()
