"""The stacks that a command line names."""

from collections.abc import Iterable

from stacks import reading


def known(names: Iterable[str]) -> list[str]:
    """Each once; raises SettingsError, which names the stacks, for one that has no file."""
    for name in names:
        if name not in reading.stack_names():
            reading.from_file(name)
    return list(dict.fromkeys(names))
