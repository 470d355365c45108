"""What an engine of vLLM is started with, as far as it bounds its batch and its queue."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """What an engine is started with; the names are vLLM's.

    kv_tokens: tokens that the KV cache of one data-parallel rank holds.
    max_num_seqs, max_num_batched_tokens: of one rank, in one step.
    max_queued_requests: `--max-num-queued-reqs`, over all ranks: waiting and running.
    max_queued_tokens: `--max-num-queued-tokens`, over all ranks: prompt tokens
        of requests without a first token yet.
    max_model_len: where an output ends at the latest, with its prompt; None: nowhere.
    block_size: tokens of one block of the KV cache; 16 is vLLM's default.
    """

    kv_tokens: int
    max_num_seqs: int
    max_num_batched_tokens: int
    max_queued_requests: int | None = None
    max_queued_tokens: int | None = None
    data_parallel_size: int = 1
    max_model_len: int | None = None
    block_size: int = 16

    def __post_init__(self) -> None:
        for name in ("max_num_seqs", "data_parallel_size", "block_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} {getattr(self, name)} is not allowed; allowed: 1 or more")
        if self.max_num_batched_tokens < self.max_num_seqs:
            raise ValueError(
                f"max_num_batched_tokens {self.max_num_batched_tokens} is not allowed; allowed: "
                f"max_num_seqs ({self.max_num_seqs}) or more, a token for each sequence"
            )
        if self.kv_tokens < self.block_size:
            raise ValueError(
                f"kv_tokens {self.kv_tokens} is not allowed; allowed: {self.block_size} or more"
            )

    @property
    def kv_blocks(self) -> int:
        return self.kv_tokens // self.block_size
