"""What the policy pack costs at a preview: a ratio within one run.

Previews of stack `local` in the running sandbox, with and without the pack, in
turns, so that whatever else the machine does weighs on both.

    .venv/bin/python benchmarks/preview_with_policies.py [ROUNDS]
"""

import statistics
import subprocess
import sys
import time

from durable.places import PACKAGE_ROOT
from sandbox import lifecycle


def main(rounds: int) -> int:
    sandbox = lifecycle.attach()
    if sandbox is None:
        print("the sandbox does not run; `make up` starts it", file=sys.stderr)
        return 1
    preview = [str(sandbox.paths.bin / "pulumi"), "preview", "--stack=local", "--non-interactive"]
    variants = {"without": preview, "with": [*preview, "--policy-pack=policies"]}
    times_s: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, command in variants.items():
            begun = time.monotonic()
            subprocess.run(
                command,
                cwd=PACKAGE_ROOT,
                env=sandbox.environment(),
                stdout=subprocess.DEVNULL,
                check=True,
            )
            times_s[name].append(time.monotonic() - begun)
    for name, values in times_s.items():
        print(f"{name:8} median {statistics.median(values):5.2f} s of {rounds} previews")
    medians = {name: statistics.median(values) for name, values in times_s.items()}
    print(f"ratio    {medians['with'] / medians['without']:.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
