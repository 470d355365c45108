"""Releases and entries for tests, told apart by a number."""

from pathlib import Path

from promotion.record import Entry, Record, Stage
from promotion.release import Release
from promotion.release_store import ReleaseStore, text_of
from stacks.released import MOVED_KEYS, Released

BY = "Ada <ada@example.com>"


def release(number: int) -> Release:
    digest = f"sha256:{number:064x}"
    return Release(
        contents=Released(
            model="Qwen/Qwen3-30B-A3B",
            settings=dict.fromkeys(MOVED_KEYS, f"1.0.{number}"),
            policy_pack="1.0.0",
            alert_rules=digest,
            program=digest,
        ),
        git_commit=f"{number:040x}",
    )


def store(root: Path, *numbers: int) -> ReleaseStore:
    """With these releases, written without waiting for the disk."""
    releases = ReleaseStore(root)
    for number in numbers:
        path = releases.file(release(number))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text_of(release(number)))
    return releases


def append(record: Record, stage: Stage, of: Release, **said: object) -> Entry:
    """A promotion from dev, unless `said` says otherwise."""
    entry = record.next(
        record.last,
        **{
            "kind": "promotion",
            "source": "dev",
            "by": BY,
            "stage": stage,
            "release": of.id,
            **said,
        },
    )
    record.append(entry)
    return entry
