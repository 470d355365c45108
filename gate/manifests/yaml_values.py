"""One YAML or JSON document as the values that the API server would get.

Scalars mean what kubectl and Helm read (sigs.k8s.io/yaml on go.yaml.in/yaml/v2, resolve.go): YAML
1.1, so `yes` is true and 0644 is octal, but no times of day. Numbers are floats, as the engine
gives them to policies. Built from the parser's events without recursion, so that neither depth
nor aliases that multiply can take the stack or the memory.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import yaml
from pulumi_policy import proxy

MAX_DEPTH = 128
MAX_ALIASED = 100_000
"""Values that the aliases of one document may stand for, together."""

_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPE = re.compile(r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|.)", re.S)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_INTEGER = re.compile(
    r"[-+]?(?:0[xX][0-9a-fA-F]{1,16}|0[oO]?[0-7]{1,22}|0[bB][01]{1,64}|[1-9][0-9]{0,18}|0)"
)
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def _cases(*words: str) -> list[str]:
    """As Go's YAML knows each word: yes, Yes, YES."""
    return [case for word in words for case in (word, word.title(), word.upper())]


_WORDS: Mapping[str, bool | None] = MappingProxyType(
    {
        **dict.fromkeys(("", "~", *_cases("null"))),
        **dict.fromkeys(_cases("y", "yes", "true", "on"), True),
        **dict.fromkeys(_cases("n", "no", "false", "off"), False),
    }
)
_TAG = "tag:yaml.org,2002:"
_TAG_TYPES: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {"bool": (bool,), "float": (float,), "int": (float,), "null": (type(None),)}
)
_MERGE = "<<"
_COMPLEX_KEY = "a key that is a map or a list"
# Policies would take these for values that are not known yet, and not check them.
_MARKS_OF_UNKNOWNS = frozenset(
    value for name, value in vars(proxy).items() if re.fullmatch("UNKNOWN_[A-Z]+_VALUE", name)
)


class Lined(dict[str, Any]):
    """A map that knows its line, which counts from 1 within its document."""

    __slots__ = ("line",)

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line


class YamlError(Exception):
    """What is wrong, and on which line of the document."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line
        self.why = why


def load(text: str) -> Any:
    """Maps (`Lined`), lists, texts, floats, bools and None. Raises YamlError."""
    if (match := _FORBIDDEN.search(text)) is not None:
        line = text.count("\n", 0, match.start()) + 1
        raise YamlError(line, f"character U+{ord(match[0]):04X}, which no text has: is it binary?")
    # JSON writes rare characters in two halves, which YAML does not.
    text = _ESCAPE.sub(_whole_character, text) if text.lstrip("- \r\n\t").startswith("{") else text
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_PARSER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # The end of the text is told as a line of its own.
        last = len(text.splitlines()) or 1
        line = 1 if mark is None else min(mark.line + 1, last)
        raise YamlError(line, f"not YAML: {_said(error, text, line)}") from None
    except yaml.YAMLError as error:
        raise YamlError(1, f"not YAML: {error}") from None
    return builder.root


def _whole_character(match: re.Match[str]) -> str:
    if match[1] is None:
        return match[0]
    return chr(0x10000 + ((int(match[1], 16) - 0xD800) << 10) + int(match[2], 16) - 0xDC00)


def _said(error: yaml.MarkedYAMLError, text: str, line: int) -> str:
    said = ", ".join(part for part in (error.context, error.problem) if part)
    lines = text.splitlines()
    shown = lines[line - 1] if line <= len(lines) else ""
    if "\t" in shown[: len(shown) - len(shown.lstrip())]:
        return f"{said}; the line begins with a tab, where YAML takes spaces"
    return said


@dataclass
class _Open:
    """A map, or where `entries` is None a list, whose end has not come yet."""

    entries: Lined | None
    anchor: str | None
    line: int
    elements: list[Any] = field(default_factory=list)
    size: int = 1
    key: str | None = None
    is_merge: bool = False
    merged: list[Lined] = field(default_factory=list)


class _Builder:
    """Takes events in their order; `root` is the value then."""

    def __init__(self) -> None:
        self.root: Any = None
        self._open: list[_Open] = []
        self._anchored: dict[str, tuple[Any, int]] = {}
        self._aliased = 0
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        line = 1 if event.start_mark is None else event.start_mark.line + 1
        match event:
            case yaml.ScalarEvent():
                self._take_scalar(event, line)
            case yaml.AliasEvent():
                self._take_alias(str(event.anchor), line)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._begin(event, line)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._end()
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise YamlError(line, "a second document, which no line `---` begins")

    def _begin(self, event: yaml.CollectionStartEvent, line: int) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise YamlError(line, f"nested more than {MAX_DEPTH} deep")
        if self._map_that_wants_a_key() is not None:
            raise YamlError(line, _COMPLEX_KEY)
        is_map = isinstance(event, yaml.MappingStartEvent)
        if event.tag not in (None, "!", f"{_TAG}{'map' if is_map else 'seq'}"):
            raise YamlError(line, _foreign(event.tag))
        self._open.append(_Open(Lined(line) if is_map else None, event.anchor, line))

    def _end(self) -> None:
        ended = self._open.pop()
        if ended.entries is None:
            self._add(ended.elements, ended.size, ended.anchor, ended.line)
            return
        for each in ended.merged:
            for key, value in each.items():
                ended.entries.setdefault(key, value)
        self._add(ended.entries, ended.size, ended.anchor, ended.line)

    def _take_scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        inside = self._map_that_wants_a_key()
        if inside is None:
            self._add(_scalar(event, line), 1, event.anchor, line)
        elif event.value == _MERGE and _is_plain(event):
            if inside.merged:
                raise YamlError(line, f"{_MERGE} twice in one map")
            inside.key, inside.is_merge = _MERGE, True
        else:
            self._set_key(inside, _key_text(_scalar(event, line), line), event.anchor, line)

    def _take_alias(self, name: str, line: int) -> None:
        if any(each.anchor == name for each in self._open):
            raise YamlError(line, f"alias *{name} stands for a value that it is a part of")
        if name not in self._anchored:
            raise YamlError(line, f"alias *{name} of no anchor")
        value, size = self._anchored[name]
        self._aliased += size
        if self._aliased > MAX_ALIASED:
            raise YamlError(line, f"aliases that stand for more than {MAX_ALIASED} values")
        if (inside := self._map_that_wants_a_key()) is not None:
            self._set_key(inside, _key_text(value, line), None, line)
        else:
            self._add(value, size, None, line)

    def _map_that_wants_a_key(self) -> _Open | None:
        inside = self._open[-1] if self._open else None
        wants = inside is not None and inside.entries is not None and inside.key is None
        return inside if wants else None

    def _set_key(self, inside: _Open, key: str, anchor: str | None, line: int) -> None:
        if inside.entries is None or key in inside.entries:
            raise YamlError(line, f"key {key[:80]!r} twice in one map")
        # Put in now, so that it keeps its place before what is merged later.
        inside.key, inside.entries[key] = key, None
        if anchor:
            self._anchored[anchor] = (key, 1)

    def _add(self, value: Any, size: int, anchor: str | None, line: int) -> None:
        if anchor:
            self._anchored[anchor] = (value, size)
        if not self._open:
            self.root = value
            return
        inside = self._open[-1]
        inside.size += size
        if inside.entries is None:
            inside.elements.append(value)
            return
        key, inside.key = inside.key, None
        if inside.is_merge:
            inside.is_merge = False
            inside.merged = _merged(value, inside.entries, line)
        elif key is not None:
            inside.entries[key] = value


def _merged(value: Any, into: Lined, line: int) -> list[Lined]:
    """Maps whose entries `into` gets where it has none of its own.

    Of an entry that stands before the merge and is in it too, some readers keep the one and
    some the other: nobody can say what the API server would get.
    """
    given = value if isinstance(value, list) else [value]
    for each in given:
        if not isinstance(each, Lined):
            raise YamlError(line, f"{_MERGE} of something that is no map")
        if twice := each.keys() & into.keys():
            raise YamlError(line, f"key {min(twice)[:80]!r} before the {_MERGE} that has it too")
    return given


def _key_text(value: Any, line: int) -> str:
    """Kubernetes has only texts for keys; kubectl writes other scalars as JSON would."""
    match value:
        case str():
            return value
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.17g}"
        case None:
            return "null"
        case _:
            raise YamlError(line, _COMPLEX_KEY)


def _scalar(event: yaml.ScalarEvent, line: int) -> Any:
    text: str = event.value
    if text in _MARKS_OF_UNKNOWNS:
        raise YamlError(line, f"{text}, by which Pulumi marks what is not known yet")
    if event.tag is None:
        return _plain(text, line) if _is_plain(event) else text
    kind = event.tag.removeprefix(_TAG)
    if kind in ("str", "!"):
        return text
    if kind not in _TAG_TYPES:
        raise YamlError(line, _foreign(event.tag))
    value = _plain(text, line)
    if not isinstance(value, _TAG_TYPES[kind]):
        raise YamlError(line, f"{text[:80]!r} is no !!{kind}")
    return value


def _is_plain(event: yaml.ScalarEvent) -> bool:
    """Whether it has no quotes and no tag."""
    return bool(event.implicit[0]) and event.tag is None


def _foreign(tag: str) -> str:
    return f"tag {tag[:80].replace(_TAG, '!!')}, which no manifest has"


def _plain(text: str, line: int) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _NO_NUMBER.fullmatch(text):
        raise YamlError(line, f"{text}, which is no number of JSON")
    if text[0] not in "0123456789+-.":
        return text
    digits = text.replace("_", "")
    if _INTEGER.fullmatch(digits):
        return float(_integer(digits))
    if _FLOAT.fullmatch(digits):
        number = float(digits)
        # Go gives up on a number that is too large, and has a text then.
        return text if number in (float("inf"), float("-inf")) else number
    return text


def _integer(digits: str) -> int:
    """As Go's ParseInt with base 0: a zero in front makes it octal."""
    sign = -1 if digits[0] == "-" else 1
    digits = digits.lstrip("+-")
    if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
        return sign * int(digits, 8)
    return sign * int(digits, 0)
