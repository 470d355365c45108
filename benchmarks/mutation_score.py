"""How many mutants of the policies, and of the catalogue that they ask, the tests kill.

mutmut (its part of pyproject.toml) makes the mutants; a sample of them by a fixed seed is tested,
each by the tests that run the function that it changes. Survivors are listed for a reader.

    .venv/bin/python benchmarks/mutation_score.py [SAMPLE] [GLOB ...]
"""

import fnmatch
import json
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

SEED = 7
MUTMUT = str(Path(sys.executable).parent / "mutmut")
MUTANTS = Path("mutants")
SURVIVED, KILLED, NO_TESTS = "survived", "killed", "no tests"


def main(size: int, globs: Sequence[str]) -> None:
    if not MUTANTS.exists():
        # Makes all mutants, and learns which test runs which function.
        _run("policies.quantities*")
    names = sorted(n for n in _results() if any(fnmatch.fnmatch(n, glob) for glob in globs))
    sample = sorted(random.Random(SEED).sample(names, min(size, len(names))))  # noqa: S311
    _run(*sample)
    results = _results()
    by_module: dict[str, Counter[str]] = {}
    for name in sample:
        by_module.setdefault(name.split(".x", 1)[0], Counter())[results[name]] += 1
    print(f"{len(sample)} of {len(names)} mutants, seed {SEED}\n")
    print("| module | mutants | killed | survived | no tests | score |\n|---|---|---|---|---|---|")
    for module, counts in [*sorted(by_module.items()), ("all", _sum(by_module))]:
        total = counts.total()
        print(
            f"| {module} | {total} | {counts[KILLED]} | {counts[SURVIVED]} | {counts[NO_TESTS]}"
            f" | {counts[KILLED] / total:.0%} |"
        )
    for name in sample:
        if results[name] == SURVIVED:
            print(f"\n{name}\n{_diff(name)}", end="")


def _sum(by_module: Mapping[str, Counter[str]]) -> Counter[str]:
    return sum(by_module.values(), Counter())


def _run(*names: str) -> None:
    command = ["nice", "-n", "15", MUTMUT, "run", "--max-children", "2", *names]
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _results() -> dict[str, str]:
    """By mutant: mutmut keeps pytest's exit code, 33 where no test runs the function."""
    found = {}
    for path in MUTANTS.glob("**/*.meta"):
        for name, code in json.loads(path.read_text())["exit_code_by_key"].items():
            found[name] = {0: SURVIVED, 33: NO_TESTS, None: "not run"}.get(code, KILLED)
    return found


def _diff(name: str) -> str:
    """The lines that differ."""
    shown = subprocess.run([MUTMUT, "show", name], capture_output=True, text=True, check=False)
    return "".join(
        f"{line}\n" for line in shown.stdout.splitlines() if re.match(r"[+-](?![+-])", line)
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 700, sys.argv[2:] or ["*"])
