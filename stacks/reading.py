"""Reads a stack's settings, and says what is wrong with them in one message.

A stack file is Pulumi's own: `config:` with one key a section,
`moe-serving:<section>`. Inside the engine the values come from Pulumi's
configuration (so `--config` works); outside it from the file.
"""

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import annotated_types
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from catalog.project import PROJECT
from stacks.fields import kind_of, located, sections_in
from stacks.settings import Settings

STACKS_DIR = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a stack file; `line` is 1-based, None where it has none."""

    file: str
    line: int | None
    key: str
    message: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.key}: {self.message}"


class SettingsError(Exception):
    """A stack's settings are refused; `problems` holds every reason."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


def stack_names() -> list[str]:
    """Stacks that have a file, in alphabetical order."""
    prefix, suffix = "Pulumi.", ".yaml"
    files = STACKS_DIR.glob(f"{prefix}*{suffix}")
    return sorted(file.name.removeprefix(prefix).removesuffix(suffix) for file in files)


def stack_file(stack: str, folder: Path | None = None) -> Path:
    return (folder or STACKS_DIR) / f"Pulumi.{stack}.yaml"


def from_file(stack: str, folder: Path | None = None) -> Settings:
    """The settings of `stack`, read from its file; raises SettingsError."""
    path = stack_file(stack, folder)
    name = _display_name(path)
    if not path.exists():
        close = difflib.get_close_matches(stack, stack_names(), n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        allowed = f"no such stack; stacks are {', '.join(stack_names())}{hint}"
        raise SettingsError([Problem(name, None, stack, allowed)])
    config = config_of(path)
    return validated(config, path)


def from_pulumi_config(values: Mapping[str, str], stack: str) -> Settings:
    """The settings of `stack` from Pulumi's configuration map; raises SettingsError.

    `values` is the engine's flat map: `moe-serving:<section>` to JSON text.
    """
    path = stack_file(stack)
    sections: dict[str, Any] = {}
    for key, text in values.items():
        if key.startswith(f"{PROJECT}:"):
            try:
                sections[key] = json.loads(text)
            except json.JSONDecodeError:
                sections[key] = text
    return validated(sections, path)


def validated(config: Mapping[str, Any], path: Path) -> Settings:
    """Settings from `moe-serving:<section>` keys; `path` is named in errors."""
    prefix = f"{PROJECT}:"
    sections = {
        key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)
    }
    try:
        # JSON mode: lists may become tuples, and nothing else is converted.
        # A day without quotes is a date for YAML.
        return Settings.model_validate_json(json.dumps(sections, default=str))
    except ValidationError as error:
        lines = _Lines(path)
        problems = [_problem(details, path, lines) for details in error.errors()]
        raise SettingsError(problems) from None


def config_of(path: Path) -> Mapping[str, Any]:
    try:
        document = YAML(typ="safe").load(path)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = None if mark is None else mark.line + 1
        reason = getattr(error, "problem", None) or str(error)
        problem = Problem(_display_name(path), line, "(file)", f"not valid YAML: {reason}")
        raise SettingsError([problem]) from None
    config = document.get("config") if isinstance(document, Mapping) else None
    if not isinstance(config, Mapping):
        problem = Problem(
            _display_name(path), None, "config", "missing; allowed: a map of sections"
        )
        raise SettingsError([problem])
    return config


def _display_name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


class _Lines:
    """Line numbers of keys in a stack file, best effort: the message stands without."""

    def __init__(self, path: Path) -> None:
        try:
            self._config = YAML().load(path)["config"]
        except (OSError, YAMLError, KeyError, TypeError):
            self._config = None

    def of(self, location: tuple[str | int, ...]) -> int | None:
        node, line = self._config, None
        for depth, part in enumerate(location):
            key = f"{PROJECT}:{part}" if depth == 0 else part
            try:
                line = node.lc.data[key][0] + 1
                node = node[key]
            except (AttributeError, KeyError, IndexError, TypeError):
                break
        return line


def _problem(details: ErrorDetails, path: Path, lines: _Lines) -> Problem:
    place = located(details["loc"]).path
    context = details.get("ctx", {})
    match details["type"]:
        case "not_allowed":
            place = (*place, *str(context["key"]).split("."))
            found = context["value"]
            what = "missing" if found == str(None) else f"{found} is not allowed"
            message = f"{what}; allowed: {context['allowed']}"
        case "extra_forbidden":
            message = _unknown_key(details["loc"])
        case "missing":
            message = f"missing; {_what_is_wanted(details['loc'])}"
        case "union_tag_not_found":
            place = (*place, "kind")
            message = f"missing; allowed: {_kinds(details['loc'])}"
        case "union_tag_invalid":
            place = (*place, "kind")
            message = f"{_shown(context['tag'])} is not allowed; allowed: {_kinds(details['loc'])}"
        case "value_error":
            message = f"{context['error']}"
        case _:
            message = f"{_shown(details['input'])} is not allowed; allowed: {_allowed(details)}"
    key = ".".join(str(part) for part in place)
    return Problem(_display_name(path), lines.of(place), f"{PROJECT}:{key}", message)


def _shown(value: object) -> str:
    return json.dumps(value, default=str)


def _allowed(details: ErrorDetails) -> str:
    place = located(details["loc"])
    text = details["msg"].removeprefix("Input should be ").removeprefix("String should ")
    if details["type"] in ("greater_than_equal", "less_than_equal"):
        text = _range(place.field) or text
    return f"{text}. {place.description}" if place.description else text


def _range(field: FieldInfo | None) -> str | None:
    """Both bounds, where pydantic would name the one that the value broke; as policies do."""
    bounds = dict[type, Any]()
    for constraint in field.metadata if field else ():
        match constraint:
            case annotated_types.Ge(ge=bound) | annotated_types.Le(le=bound):
                bounds[type(constraint)] = bound
    if len(bounds) < 2:
        return None
    return f"{bounds[annotated_types.Ge]:g} to {bounds[annotated_types.Le]:g}"


def _what_is_wanted(location: tuple[str | int, ...]) -> str:
    place = located(location)
    keys = ", ".join(dict.fromkeys(key for each in place.sections for key in each.model_fields))
    return place.description or f"a section with {keys}"


def _kinds(location: tuple[str | int, ...]) -> str:
    return ", ".join(str(kind_of(section)) for section in located(location).sections)


def _unknown_key(location: tuple[str | int, ...]) -> str:
    parents = located(location[:-1]).sections
    known = [key for parent in parents for key in parent.model_fields]
    deeper = {
        inner: f"{key}.{inner}"
        for parent in parents
        for key, field in parent.model_fields.items()
        for section in sections_in(field.annotation)
        for inner in section.model_fields
    }
    close = difflib.get_close_matches(str(location[-1]), [*known, *deeper], n=1)
    shown = [key if key in known else deeper[key] for key in close]
    hint = f"did you mean {shown[0]}? " if shown else ""
    return f"unknown key; {hint}allowed: {', '.join(known)}"
