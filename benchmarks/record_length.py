"""What a long record costs: an append to it, its last entry, reading and verifying all of it.

Each length is a record of its own, in the temporary folder. `append` is the whole of it as
`moe promote` does it, in time on the clock, since most of it is waiting for the disk. The rest is
time of the processor: to find and read the last entry and make the next one; then, for one entry
of the record, to list, to read and to verify all of it. Lengths are measured in turns. The ratio
at the end is that of the figures at 1,000 entries and at 100.

    .venv/bin/python benchmarks/record_length.py [APPENDS]
"""

import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent.parent))

from promotion.anchor import message
from promotion.pulumi_stack import Update
from promotion.record import Entry, GateSaid, Record, text_of
from promotion.release_store import ReleaseStore
from promotion.verify import problems
from tests.promotion.releases import BY, release, store

STACK = "staging"
LENGTHS = (10, 100, 1000, 3000)
SHORT, LONG = 100, 1000
REPEATS = 3
GATES = tuple(
    GateSaid(gate=f"gate {number}", outcome="pass", evidence="what was seen, and what is demanded")
    for number in range(15)
)


def entry_after(record: Record, last: Entry | None) -> Entry:
    """A begun one with all its gates, or the end of that; each move has a release of its own."""
    begun = last if last is not None and last.stage == "begun" else None
    number = begun.number if begun else (last.number + 1 if last else 1)
    return record.next(
        last,
        kind="promotion",
        source="dev",
        by=BY,
        release=release(number).id,
        stage="applied" if begun else "begun",
        ends=begun.number if begun else None,
        gates=() if begun else GATES,
        plan="0" * 64,
    )


def written(root: Path, length: int) -> Record:
    """Without waiting for the disk."""
    record = Record(root, STACK)
    store(root, *range(1, length + 2, 2))
    record.file(1).parent.mkdir(parents=True)
    last: Entry | None = None
    for _ in range(length):
        last = entry_after(record, last)
        record.file(last.number).write_text(text_of(last))
    return record


def milliseconds(
    work: Callable[[], object], clock: Callable[[], float] = time.process_time
) -> float:
    begun = clock()
    work()
    return (clock() - begun) * 1000


def of_an_append(record: Record) -> dict[str, float]:
    """Milliseconds."""
    return {
        "append": milliseconds(lambda: append_and_remove(record), time.perf_counter),
        "next, last": milliseconds(lambda: entry_after(record, record.last)),
    }


def of_the_whole(root: Path, record: Record, updates: list[Update]) -> dict[str, float]:
    """Milliseconds for one entry of the record."""
    if found := problems(root, STACK, updates, ReleaseStore(root)):
        raise SystemExit(f"not intact: {found[0]}")
    works = {
        "list": record.files,
        "read": lambda: list(record),
        "verify": lambda: problems(root, STACK, updates, ReleaseStore(root)),
    }
    length = len(record.files())
    return {
        what: median(milliseconds(work) for _ in range(REPEATS)) / length
        for what, work in works.items()
    }


def append_and_remove(record: Record) -> None:
    entry = entry_after(record, record.last)
    record.append(entry)
    record.file(entry.number).unlink()


def history(record: Record) -> list[Update]:
    now = datetime.now(UTC)
    begun = [each for each in record if each.stage == "begun"]
    return [Update(1, "update", "succeeded", now, now, message(each)) for each in begun]


def main(appends: int) -> None:
    with TemporaryDirectory() as folder:
        roots = {length: Path(folder) / str(length) for length in LENGTHS}
        records = {length: written(root, length) for length, root in roots.items()}
        updates = {length: history(record) for length, record in records.items()}
        os.sync()
        runs: dict[int, list[dict[str, float]]] = {length: [] for length in LENGTHS}
        for _ in range(appends):
            for length, record in records.items():
                runs[length].append(of_an_append(record))
        whole = {
            length: of_the_whole(roots[length], records[length], updates[length])
            for length in LENGTHS
        }
    times = {
        length: {
            **{what: median(run[what] for run in of_length) for what in of_length[0]},
            **whole[length],
        }
        for length, of_length in runs.items()
    }
    print("| entries | append, ms | next, last, ms | list | read | verify, ms an entry |")
    print("|---|---|---|---|---|---|")
    for length, each in times.items():
        print(f"| {length:,} | {' | '.join(f'{value:.3f}' for value in each.values())} |")
    ratios = (f"{what} {times[LONG][what] / times[SHORT][what]:.2f}" for what in times[LONG])
    print(f"\nat {LONG:,} against {SHORT}: {', '.join(ratios)}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
