"""How far the planner's simulation is from known answers, as Markdown tables.

First queues with closed forms (tests/planner/closed_forms.py): what is left is chance, so
the error stands with the half width of its 95 % confidence interval over the seeds.
Then published results of vLLM's benchmark (tests/planner/published.py): figures that
made the step time, and figures that it predicts.

    .venv/bin/python benchmarks/simulation_errors.py [REQUESTS]
"""

import math
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.planner.closed_forms import comparisons
from tests.planner.published import EXPERIMENTS, outcomes

SEEDS = range(1, 9)
STUDENT_T = 2.365
"""97.5th percentile with as many degrees of freedom as there are seeds, less one."""


def main(requests: int) -> None:
    print(f"| queue | figure | exact | mean error of {len(SEEDS)} x {requests:,} requests |")
    print("|---|---|---|---|")
    for comparison in comparisons():
        errors = [comparison.error(requests, seed) for seed in SEEDS]
        half_width = STUDENT_T * statistics.stdev(errors) / math.sqrt(len(errors))
        print(
            f"| {comparison.queue} | {comparison.figure} | {comparison.exact:.4g} "
            f"| {statistics.mean(errors):+.1%} ± {half_width:.1%} |"
        )
    for experiment in EXPERIMENTS:
        step_time, found = outcomes(experiment)
        print(
            f"\n{experiment.benchmark}: {step_time.base_s * 1000:.1f} ms a step, "
            f"{step_time.per_sequence_s * 1000:.3f} ms a sequence, "
            f"{1 / step_time.per_prefill_token_s:,.0f} prompt tokens/s\n"
        )
        print("| run | figure | published | simulated | error | |")
        print("|---|---|---|---|---|---|")
        for each in found:
            print(
                f"| {each.run} | {' '.join(each.figure)} | {each.measured_s * 1000:,.1f} ms "
                f"| {each.simulated_s * 1000:,.1f} ms | {each.error:+.0%} "
                f"| {'calibrated' if each.calibrated else 'predicted'} |"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
