"""Records as many moves would leave them, some interrupted, in every order that is allowed."""

from collections.abc import Sequence
from pathlib import Path

from hypothesis import strategies as st

from promotion.record import Entry, GateSaid, Record, text_of
from tests.promotion.releases import release

STACK = "staging"
RELEASES = range(1, 5)

_TEXT = st.text('aB 1é\n"\\{}[]:,\x1b\u202e\U0001f600', max_size=12)
_HASH = st.integers(0, 2**256 - 1).map("{:064x}".format)
_GATES = st.lists(
    st.builds(GateSaid, gate=_TEXT, outcome=_TEXT, evidence=_TEXT, waiver=_TEXT), max_size=2
).map(tuple)
_ENDS = st.sampled_from(["applied", "failed", "interrupted"])


@st.composite
def records(draw: st.DrawFn, least_moves: int = 0) -> list[Entry]:
    """Entries in their order; the last may be open."""
    entries: list[Entry] = []
    for end in draw(st.lists(_ENDS, min_size=least_moves, max_size=5)):
        after = entries[-1] if entries else None
        kind = draw(st.sampled_from(["promotion", "rollback"]))
        move = {
            "kind": kind,
            "source": "dev" if kind == "promotion" else None,
            "by": draw(_TEXT),
            "release": release(draw(st.sampled_from(RELEASES))).id,
            "plan": draw(st.none() | _HASH),
        }
        is_open = after is not None and after.stage == "begun"
        begun = _next(
            after,
            **move,
            stage="begun",
            gates=draw(_GATES),
            continues=after.number if after is not None and is_open else None,
            why=draw(_TEXT),
        )
        entries.append(begun)
        if end != "interrupted":
            entries.append(_next(begun, **move, stage=end, ends=begun.number, why=draw(_TEXT)))
    return entries


def _next(after: Entry | None, **said: object) -> Entry:
    return Record(Path(), STACK).next(after, **said)


def write(root: Path, entries: Sequence[Entry]) -> Record:
    """As they are, without waiting for the disk; each in the file of its number."""
    record = Record(root, STACK)
    for entry in entries:
        file = record.file(entry.number)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text_of(entry))
    return record
