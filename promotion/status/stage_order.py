"""The order in which releases move through stacks, by what the stacks' files say."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from catalog.project import PROJECT
from stacks.reading import SettingsError, config_of, stack_file

_Section = Mapping[str, object]


def in_promotion_order(names: Iterable[str], folder: Path | None = None) -> list[str]:
    """Each source before the stacks that follow it; those with no promotion at all come last.

    A file whose settings are refused keeps its place, as long as its `promotion.source` can be
    read. Stacks whose sources go round in a circle, or have no file, come after the other promoted
    ones.
    """
    known = sorted(names)
    sections = {name: _promotion(name, folder) for name in known}
    sources = {name: (section or {}).get("source") for name, section in sections.items()}
    followers = {name: [each for each in known if sources[each] == name] for name in known}
    firsts = [
        name
        for name in known
        if sources[name] is None and (sections[name] is not None or followers[name])
    ]
    lost = [name for name in known if sources[name] is not None]
    return list(dict.fromkeys((*_chains(firsts, followers), *lost, *known)))


def _chains(firsts: Iterable[str], followers: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """A stack, then all that come after it, before the next; no circle hangs on a first one."""
    for first in firsts:
        yield first
        yield from _chains(followers[first], followers)


def _promotion(name: str, folder: Path | None) -> _Section | None:
    """As the file has it; None where it has none, or cannot be read."""
    try:
        section = config_of(stack_file(name, folder)).get(f"{PROJECT}:promotion")
    except (SettingsError, OSError, UnicodeDecodeError):
        return None
    return section if isinstance(section, Mapping) else None
