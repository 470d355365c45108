"""A copy of the program that an engine without the team's account can run."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from stacks import reading

STACKS = "stacks"

_OF_A_BACKEND = ("secretsprovider", "encryptedkey", "encryptionsalt")
_SECRET = "secure"  # noqa: S105 - the key that Pulumi writes beside a value that it has encrypted
_IN_PLACE_OF_A_SECRET = "not-known-to-a-check"  # noqa: S105


def copy(root: Path, files: Iterable[Path], folder: Path) -> None:
    for file in files:
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / file, target)


def without_account(folder: Path, stack: str) -> None:
    """Rid the stack's file of its encryption, whose key the check has not and must not have.

    Encrypted values become a text that says so.
    """
    path = reading.stack_file(stack, folder / STACKS)
    yaml = YAML()
    document = yaml.load(path)
    for key in _OF_A_BACKEND:
        document.pop(key, None)
    _replace_secrets(document.get("config"))
    yaml.dump(document, path)


def _replace_secrets(node: Any) -> None:
    entries: Iterable[tuple[Any, Any]] = ()
    if isinstance(node, dict):
        entries = list(node.items())
    elif isinstance(node, list):
        entries = list(enumerate(node))
    for key, value in entries:
        if isinstance(value, Mapping) and set(value) == {_SECRET}:
            node[key] = _IN_PLACE_OF_A_SECRET
        else:
            _replace_secrets(value)
