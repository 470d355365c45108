"""Puts a release into a stack's file: only what a release moves changes there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap

from catalog.project import PROJECT
from promotion.difference import KeyChange, difference
from promotion.errors import PromotionError
from promotion.release import Release
from stacks.editing import dumped, put, yaml_like
from stacks.released import IMAGE, MOVED_KEYS, moved_values
from stacks.settings import Settings


def changes(release: Release, target: Settings) -> Sequence[KeyChange]:
    """What the release would change in a stack of these settings."""
    served = target.model_server.model
    if served != release.contents.model:
        raise PromotionError(
            f"the release is of {release.contents.model} and the stack serves {served}: a model"
            " comes with sizes of its own, so change it there first"
        )
    return difference(moved_values(target), release.contents.settings)


def with_changes(text: str, changed: Sequence[KeyChange], path: Path) -> str:
    """The text of a stack file with the changes; raises PromotionError where more would change."""
    yaml = yaml_like(text)
    document = yaml.load(text)
    for change in changed:
        if change.after is None or change.key not in MOVED_KEYS:
            raise PromotionError(f"{path.name}: {change.key} is nothing that a release moves")
        section, key = change.key.split(".")
        _put(document["config"], section, key, change.after)
    after = dumped(yaml, document)
    if _unmoved(yaml.load(text)) != _unmoved(yaml.load(after)):
        raise PromotionError(
            f"{path.name}: more than a release moves would change; edit it yourself"
        )
    return after


def _put(config: CommentedMap, section: str, key: str, value: str) -> None:
    values = config[f"{PROJECT}:{section}"]
    if f"{section}.{key}" == IMAGE:
        repository = str(values[key]).partition("@")[0]
        value = f"{repository}@{value}"
    put(values, key, value)


def _unmoved(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """All that must stay."""
    config = dict(document["config"])
    for moved in MOVED_KEYS:
        section, key = moved.split(".")
        name = f"{PROJECT}:{section}"
        config[name] = {k: v for k, v in config[name].items() if k != key}
        if moved == IMAGE:
            config[name]["repository"] = str(document["config"][name][key]).partition("@")[0]
    return {**document, "config": config}
