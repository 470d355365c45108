"""How fast requests are simulated: against a simulation that takes every step by itself.

The reference is the one that the tests hold the planner's simulation against
(tests/planner/reference.py). Both run the same requests of one engine, in turns; the
planner's then runs a million.

    .venv/bin/python benchmarks/simulated_requests.py [REQUESTS]
"""

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from planner.lengths import Lengths
from planner.limits import EngineLimits
from planner.simulation import Arrivals, run_replica, simulate
from planner.step_time import StepTime
from planner.workload import Workload
from tests.planner.reference import run_reference

WORKLOAD = Workload(
    requests_per_s=12,
    prompt=Lengths(mean=1000, p99=4000, longest=8000),
    output=Lengths(mean=250, p99=1000, longest=2000),
)
LIMITS = EngineLimits(
    kv_tokens=1_500_000,
    max_num_seqs=256,
    max_num_batched_tokens=2048,
    max_queued_requests=None,
    max_queued_tokens=None,
)
STEP_TIME = StepTime(base_s=0.012, per_sequence_s=0.00008, per_prefill_token_s=0.00004)
BOTH = 3000
"""Requests that the reference is asked for: it takes some minutes for a hundred times as many."""


def main(requests: int) -> None:
    generator = np.random.default_rng(1)
    arrivals = Arrivals(
        WORKLOAD.arrivals(BOTH, generator),
        WORKLOAD.prompt.sample(BOTH, generator),
        WORKLOAD.output.sample(BOTH, generator),
    )
    begun = time.monotonic()
    run_reference(arrivals, LIMITS, STEP_TIME)
    stepping_s = time.monotonic() - begun
    begun = time.monotonic()
    run_replica(arrivals, LIMITS, STEP_TIME)
    jumping_s = time.monotonic() - begun
    print(f"every step  {BOTH / stepping_s:10,.0f} requests/s")
    print(f"jumping     {BOTH / jumping_s:10,.0f} requests/s")
    print(f"ratio       {stepping_s / jumping_s:10.1f}")
    begun = time.monotonic()
    found = simulate(WORKLOAD, LIMITS, STEP_TIME, replicas=1, requests=requests, seed=1)
    took_s = time.monotonic() - begun
    print(f"{requests:,} requests in {took_s:.1f} s, mean batch {found.batch_mean:.0f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
