"""What an engine writes down while it is simulated."""

import math
from array import array
from enum import IntEnum

import numpy as np

from planner.lengths import FloatArray


class Waits(IntEnum):
    """Why the head of the queue did not start in a step."""

    NOBODY = 0
    KV_CACHE = 1
    MAX_NUM_SEQS = 2
    TOKEN_BUDGET = 3


class Requests:
    """One replica's requests by number, in order of arrival: what is asked and what came."""

    __slots__ = (
        "arrival_s",
        "finished_s",
        "first_token_s",
        "output_tokens",
        "prompt_tokens",
        "started_s",
    )

    def __init__(
        self, arrival_s: list[float], prompt_tokens: list[int], output_tokens: list[int]
    ) -> None:
        self.arrival_s = arrival_s
        self.prompt_tokens = prompt_tokens
        self.output_tokens = output_tokens
        never = [math.nan] * len(arrival_s)
        self.started_s = array("d", never)
        self.first_token_s = array("d", never)
        self.finished_s = array("d", never)


class StepLog:
    """Runs of equal steps, one row each."""

    COLUMNS = (
        "start_s",
        "steps",
        "decoding",
        "prefill_tokens",
        "kv_tokens",
        "first_blocks",
        "last_blocks",
        "waits",
    )

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values = array("d")

    def add(self, *row: float) -> None:
        self._values.extend(row)

    def table(self) -> FloatArray:
        """Rows of COLUMNS; kv_tokens are those of the first step, blocks of first and last."""
        return np.frombuffer(self._values, dtype=np.float64).reshape(-1, len(self.COLUMNS))
