"""What counting costs a routed step on a CPU: a ratio within one run.

The router of vLLM (softmax, top-k, renormalise) with and without the capture, in turns, so that
whatever else the machine does weighs on both; and beside them one layer's experts, which a
router is a small part of. It says nothing of kernel launches, CUDA graphs or streams.

    uv run --with torch==2.14.0 python benchmarks/expert_metrics_overhead.py [ROUNDS]
"""

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from expert_metrics.counts import ExpertCounts

# Experts, top-k; hidden and expert sizes are a quarter of the model's: weights fit a laptop.
MODELS = {"Mixtral": (8, 2, 1024, 3584), "DBRX": (16, 4, 1536, 2688)}
TOKENS = (16, 256, 2048)


def main(rounds: int) -> None:
    torch.set_num_threads(1)
    print(f"{'model':8} {'tokens':>6} {'router us':>10} {'counting us':>12} {'of the layer':>13}")
    for model, (experts, top_k, hidden, size) in MODELS.items():
        gates = torch.randn(experts, size, hidden)
        downs = torch.randn(experts, hidden, size)
        capture = ExpertCounts(1, experts, torch.device("cpu")).capture(0)
        for tokens in TOKENS:
            states, logits = torch.randn(tokens, hidden), torch.randn(tokens, experts)
            ids = _route(logits, top_k)
            times = _median_s(
                {
                    "route": partial(_route, logits, top_k),
                    "count": partial(capture, ids),
                    "experts": partial(_experts, states, ids, gates, downs),
                },
                rounds,
            )
            layer = times["route"] + times["experts"]
            print(
                f"{model:8} {tokens:6} {times['route'] * 1e6:10.1f} {times['count'] * 1e6:12.1f}"
                f" {times['count'] / layer:13.3%}"
            )


def _route(logits: Any, top_k: int) -> Any:
    weights, ids = logits.softmax(dim=-1).topk(top_k)
    _ = weights / weights.sum(dim=-1, keepdim=True)
    return ids.to(torch.int32)


def _experts(states: Any, ids: Any, gates: Any, downs: Any) -> None:
    for expert in range(len(gates)):
        rows = states[(ids == expert).any(dim=1)]
        torch.nn.functional.silu(rows @ gates[expert].T) @ downs[expert].T


def _median_s(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            begun = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - begun)
    return {name: statistics.median(values) for name, values in times.items()}


if __name__ == "__main__":
    with torch.inference_mode():
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 11)
