"""The pack's own server against the SDK's, which reads a resource anew for every policy.

Both run the same policies on the same requests, in turns and in one process, so that whatever else
the machine does weighs on both: the ratio is what counts, and how the time grows with the stack.
Memory is what a process of its own keeps at most, for the whole run of an update: each resource
analyzed, then the stack; it is taken of 500 and 5,000 resources, so that what Python and the
catalogue take is not counted.

    .venv/bin/python benchmarks/pack_against_one_policy_a_check.py [ROUNDS]
"""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from many_resources import resources
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import EnforcementLevel
from pulumi_policy.policy import _PolicyAnalyzerServicer

from policies.analyzer import PackServicer
from policies.pack import NAME, Pack

SIZES = (50, 500, 5000)
LEAST, MOST = 500, 5000
Servicer = Any


def ours() -> Servicer:
    return PackServicer(Pack())


def sdk() -> Servicer:
    level = EnforcementLevel.MANDATORY
    return _PolicyAnalyzerServicer(NAME, "1", Pack().policies, level, {}, *[None] * 6)


def single(servicer: Servicer, stack: list[Any]) -> int:
    return sum(len(servicer.Analyze(_of_one(each), None).diagnostics) for each in stack)


def whole(servicer: Servicer, stack: list[Any]) -> int:
    request = analyzer_pb2.AnalyzeStackRequest(resources=stack)
    return len(servicer.AnalyzeStack(request, None).diagnostics)


def _of_one(given: Any) -> Any:
    return analyzer_pb2.AnalyzeRequest(
        type=given.type, name=given.name, urn=given.urn, properties=given.properties
    )


def main(rounds: int) -> None:
    print(f"{len(Pack().policies)} policies")
    print("| resources | analysis | pack, ms a resource | SDK, ms a resource | ratio |")
    print("|---|---|---|---|---|")
    for size in SIZES:
        stack = list(resources(size))
        for name, analysis in (("each", single), ("stack", whole)):
            times: dict[str, list[float]] = {"pack": [], "sdk": []}
            findings = set()
            for _ in range(rounds if size < MOST else 1):
                for which, make in (("pack", ours), ("sdk", sdk)):
                    servicer = make()
                    begun = time.perf_counter()
                    findings.add(analysis(servicer, stack))
                    times[which].append((time.perf_counter() - begun) * 1000 / size)
            pack_ms, sdk_ms = median(times["pack"]), median(times["sdk"])
            print(
                f"| {size:,} | {name} | {pack_ms:.3f} | {sdk_ms:.3f} | {pack_ms / sdk_ms:.3f} |",
                flush=True,
            )
    print("\nmemory, KiB a resource")
    for which in ("requests", "pack", "sdk"):
        least, most = (_peak_kib(which, size) for size in (LEAST, MOST))
        print(f"{which:8} {(most - least) / (MOST - LEAST):8.1f}")


def _peak_kib(which: str, size: int) -> int:
    command = [sys.executable, __file__, "--memory", which, str(size)]
    return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def peak_kib(which: str, size: int) -> int:
    """Of this process, once it has run all analyses; `requests` runs none."""
    servicers: dict[str, Callable[[], Servicer]] = {"pack": ours, "sdk": sdk}
    servicer = servicers[which]() if which in servicers else None
    if servicer is not None:
        for each in resources(size):
            servicer.Analyze(_of_one(each), None)
    stack = list(resources(size))
    if servicer is not None:
        whole(servicer, stack)
    # getrusage would tell the parent's peak where that is higher.
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--memory"]:
        print(peak_kib(sys.argv[2], int(sys.argv[3])))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
