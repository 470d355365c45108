"""Filling the table's templates, and finding the way into API answers."""

from __future__ import annotations

import json
import string
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sandbox.aws_provider.table.model import (
    Added,
    Answer,
    Given,
    Id,
    Input,
    Live,
    Path,
    Removed,
    RemovedKeys,
    Source,
    TagKeys,
    Tags,
    TagStyle,
    Template,
    Text,
    Where,
)


class Omitted:
    """What a source gives when there is nothing to give."""


OMIT: Final = Omitted()


@dataclass(frozen=True)
class Scope:
    """What templates are filled from.

    `inputs` and `old` are Pulumi inputs (of now, and before an update), `live` is what the API
    answered, `answer` what the last call answered, `facts` are region, account, partition.
    """

    inputs: Mapping[str, Any]
    facts: Mapping[str, str]
    id: str | None = None
    old: Mapping[str, Any] = field(default_factory=dict)
    live: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    tag_keys: tuple[str, ...] = ()
    tag_style: TagStyle | None = None

    def with_live(self, live: Mapping[str, Any]) -> Scope:
        return replace(self, live=live)


def fill(template: Template, scope: Scope) -> Any:
    """The template with its sources filled in, or OMIT where nothing was found for any of them."""
    if isinstance(template, Source):
        return _fill_source(template, scope)
    if isinstance(template, Mapping):
        found = {name: fill(inner, scope) for name, inner in template.items()}
        kept = {name: value for name, value in found.items() if value is not OMIT}
        return kept if kept or not template else OMIT
    if isinstance(template, list):
        items = [item for inner in template if (item := fill(inner, scope)) is not OMIT]
        return items if items or not template else OMIT
    return template


def fill_params(params: Mapping[str, Template], scope: Scope) -> dict[str, Any]:
    """The parameters of a call, without those for which there is nothing."""
    found = fill(dict(params), scope)
    return {} if found is OMIT else found


def _fill_source(source: Source, scope: Scope) -> Any:
    match source:
        case Id():
            return OMIT if scope.id is None else scope.id
        case Input(name, default):
            value = at_dotted(scope.inputs, name)
            if value is OMIT and isinstance(default, Source):
                return _fill_source(default, scope)
            return value if value is not OMIT or default is None else default
        case Live(name):
            return at_dotted(scope.live, name)
        case Given(name, inner):
            given = scope.tags if name == "tagsAll" else scope.inputs.get(name)
            return fill(inner, scope) if given not in (None, {}, []) else OMIT
        case Text(pattern, defaults):
            return _text(pattern, {**defaults, **_words(scope)})
        case Answer(path):
            found = at_path(scope.answer, path, scope)
            return OMIT if found is None else found
        case Added(name) | Removed(name, _) | RemovedKeys(name):
            return _change(source, scope.old.get(name), scope.inputs.get(name))
        case Tags():
            return _written_tags(scope)
        case TagKeys(pairs):
            keys = list(scope.tag_keys)
            return [{"Key": key} for key in keys] if pairs else keys
    raise TypeError(f"no rule for {type(source).__name__}")


def _words(scope: Scope) -> dict[str, Any]:
    plain = {**scope.live, **scope.inputs}
    return {**plain, **scope.facts, "id": scope.id or ""}


def _text(pattern: str, words: Mapping[str, Any]) -> Any:
    names = [name for _, name, _, _ in string.Formatter().parse(pattern) if name]
    if any(name not in words for name in names):
        return OMIT
    return pattern.format_map(words)


def _change(source: Source, old: Any, new: Any) -> Any:
    if isinstance(old, Mapping) or isinstance(new, Mapping):
        before, after = old or {}, new or {}
        if isinstance(source, RemovedKeys):
            return [key for key in before if key not in after] or OMIT
        entries = {key: value for key, value in after.items() if before.get(key) != value}
        return entries or OMIT
    if isinstance(old, list) or isinstance(new, list):
        before, after = old or [], new or []
        if isinstance(source, Added):
            return [item for item in after if item not in before] or OMIT
        by = source.by if isinstance(source, Removed) else ()
        staying = [_identity(item, by) for item in after]
        return [item for item in before if _identity(item, by) not in staying] or OMIT
    changed = new if isinstance(source, Added) else old
    return OMIT if old == new or changed is None else changed


def _identity(item: Any, by: tuple[str, ...]) -> Any:
    return [item.get(name) for name in by] if by and isinstance(item, Mapping) else item


def _written_tags(scope: Scope) -> Any:
    style = scope.tag_style
    if style is None or not scope.tags:
        return OMIT
    if style.key is None:
        return dict(scope.tags)
    return [{style.key: key, style.value: value} for key, value in scope.tags.items()]


def read_tags(style: TagStyle, live: Mapping[str, Any]) -> dict[str, str]:
    """The tags in a live state as a map, without those that AWS itself sets."""
    found = live.get(style.read_from) or {}
    if not isinstance(found, Mapping):
        found = {pair[style.key]: pair[style.value] for pair in found}
    return {key: value for key, value in found.items() if not key.startswith("aws:")}


def at_path(answer: Any, path: Path, scope: Scope) -> Any:
    """What lies at the path; None where the way ends before."""
    here = answer
    for step in path:
        if here is None:
            return None
        if isinstance(step, Where):
            wanted = fill(step.value, scope)
            here = next((item for item in here if item.get(step.member) == wanted), None)
        elif isinstance(step, int):
            here = here[step] if len(here) > step else None
        else:
            here = here.get(step)
    return here


def at_dotted(value: Any, name: str) -> Any:
    """`a.b.0.c` or `a.*.c` (every item); OMIT where the way ends before."""
    here = value
    steps = name.split(".")
    for position, step in enumerate(steps):
        if step == "*":
            rest = ".".join(steps[position + 1 :])
            found = [at_dotted(item, rest) for item in here]
            return [item for item in found if item is not OMIT]
        if isinstance(here, Mapping) and step in here:
            here = here[step]
        elif isinstance(here, list) and step.isdigit() and int(step) < len(here):
            here = here[int(step)]
        else:
            return OMIT
    return OMIT if here is None else here


def same_json(one: Any, other: Any) -> bool:
    """Whether two texts hold the same JSON document."""
    try:
        first = json.loads(one) if isinstance(one, str) else one
        second = json.loads(other) if isinstance(other, str) else other
    except ValueError:
        return False
    return bool(first == second)
