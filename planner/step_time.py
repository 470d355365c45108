"""Seconds of one forward pass of an engine."""

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class StepTime:
    """Linear in what the step computes:

        base_s
        + per_sequence_s x decoding sequences
        + per_prefill_token_s x prompt tokens in the step
        + per_kv_token_s x cached tokens that the decoding sequences attend to

    A small step is bound by memory: the weights are read once whatever the
    batch, which is the base. What comes on top is arithmetic, communication
    and host work for each sequence, and reading its keys and values.

    Limits. In a Mixture-of-Experts model a token uses a few experts, so the
    weights read grow with the batch until every expert is hit: with 2 of 8
    experts, 1 sequence reads a quarter of the expert weights, 16 read 99 % of
    them. The base at batch 1 is therefore lower than at batch 32, and a fit
    that spans both errs at one end; fit where the server will work. The
    attention inside a long prompt grows with its square, which is not modelled.
    CUDA graphs make batch sizes jump in steps; a line goes through the middle.
    """

    base_s: float
    per_sequence_s: float
    per_prefill_token_s: float
    per_kv_token_s: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value < math.inf:
                raise ValueError(f"{field.name} {value:g} is not allowed; allowed: 0 or more")
        if self.base_s == 0:
            raise ValueError(
                "base_s 0 is not allowed; allowed: more than 0, a step reads the weights"
            )

    def seconds(self, *, sequences: int, prefill_tokens: int = 0, kv_tokens: int = 0) -> float:
        return (
            self.base_s
            + self.per_sequence_s * sequences
            + self.per_prefill_token_s * prefill_tokens
            + self.per_kv_token_s * kv_tokens
        )
