"""Puts a release into a stack's file: only what a release moves changes there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from catalog.project import PROJECT
from promotion.difference import KeyChange, difference
from promotion.errors import PromotionError
from promotion.release import Release
from stacks.in_place import PlaceError, with_value
from stacks.released import IMAGE, MOVED_KEYS, moved_values
from stacks.settings import Settings

_MOVED_WITH = {
    section: frozenset(key.split(".")[1] for key in MOVED_KEYS if key.startswith(f"{section}."))
    for section in {key.split(".")[0] for key in MOVED_KEYS}
}
"""Keys that a release moves, by their section."""


def changes(release: Release, target: Settings) -> Sequence[KeyChange]:
    """What the release would change in a stack of these settings."""
    served = target.model_server.model
    if served != release.contents.model:
        raise PromotionError(
            f"the release is of {release.contents.model} and the stack serves {served}: a model"
            " comes with sizes of its own, so change it there first"
        )
    return difference(moved_values(target), release.contents.settings)


def text_in(path: Path) -> str:
    """All of a file, its line ends as they are."""
    return path.read_bytes().decode()


def with_changes(text: str, changed: Sequence[KeyChange], path: Path) -> str:
    """The text of a stack file with the changes; raises PromotionError where more would change."""
    after, wanted = text, _said(text)
    for change in changed:
        if change.after is None or change.key not in MOVED_KEYS:
            raise PromotionError(f"{path.name}: {change.key} is nothing that a release moves")
        section, key = change.key.split(".")
        value = change.after
        if change.key == IMAGE:
            repository = str(_section(wanted, section)[key]).partition("@")[0]
            value = f"{repository}@{value}"
        try:
            after = with_value(after, section, key, value, _MOVED_WITH[section])
        except (PlaceError, YAMLError) as error:
            raise PromotionError(f"{path.name}: {error}; edit it yourself") from None
        wanted = _with(wanted, section, key, value)
    if not _says(after, wanted):
        raise PromotionError(
            f"{path.name}: more than a release moves would change; edit it yourself"
        )
    return after


def _section(document: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = document["config"][f"{PROJECT}:{section}"]
    return found


def _with(document: Mapping[str, Any], section: str, key: str, value: str) -> Mapping[str, Any]:
    """In new mappings: one that has an alias is the same mapping in two places."""
    changed = {**_section(document, section), key: value}
    return {**document, "config": {**document["config"], f"{PROJECT}:{section}": changed}}


def _says(text: str, wanted: Mapping[str, Any]) -> bool:
    try:
        return _said(text) == wanted
    except YAMLError:
        return False


def _said(text: str) -> Mapping[str, Any]:
    document: Mapping[str, Any] = YAML(typ="safe").load(text)
    return document
