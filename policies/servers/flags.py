"""Flags of a Python program, read as argparse reads them.

`--flag value`, `--flag=value`, `-tp 8`, underscores for dashes, unambiguous abbreviations,
the last of several wins (vLLM 0.33: utils/argparse_utils.py). Programs of other parsers (clap,
click) take a part of these forms.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Self

from pulumi_policy.proxy import UnknownValueError

from policies.reading import shown
from policies.review import UnreadableError
from policies.servers.surroundings import ALONE, Surroundings, Token

_OFF = re.compile(r"--no[-_]")
_NEGATIVE_NUMBER = re.compile(r"-[0-9.]+")
_HUMAN_NUMBER = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)([kKmMgG]?)")
_UNITS = MappingProxyType(
    {
        "": 1,
        **{unit: 1000**n for n, unit in enumerate("kmg", 1)},
        **{unit: 1024**n for n, unit in enumerate("KMG", 1)},
    }
)


@dataclass(frozen=True, slots=True)
class FlagNames:
    """What a program calls the flags that policies read.

    `switches` are those of them that take no value; `other_switches` matches flags without a
    value that nobody here reads: else the word after one would be taken for its value.
    `aliases` are other long names of flags in `long`, which has the names for messages.
    `in_variables` where each flag has a variable of its name too: MODEL_ID for --model-id.
    """

    long: tuple[str, ...]
    short: Mapping[str, str]
    switches: frozenset[str]
    other_switches: re.Pattern[str]
    aliases: Mapping[str, str] = field(default_factory=dict)
    in_variables: bool = False
    _flags: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        long = {flag.replace("_", "-"): flag for flag in self.long}
        object.__setattr__(self, "_flags", {**long, **self.aliases})

    def is_switch(self, name: str) -> bool:
        return self.flag(name) in self.switches or bool(self.other_switches.fullmatch(name))

    def flag(self, name: str) -> str | None:
        """The full name of `--name`, `-n` or an abbreviation; None for a flag nobody reads."""
        if not name.startswith("--"):
            return self.short.get(name)
        name, dot, part = name[2:].partition(".")
        name = name.replace("_", "-")
        matching = {self._flags[name]} if name in self._flags else self._abbreviated(name)
        return f"{matching.pop()}{dot}{part}" if len(matching) == 1 else None

    def _abbreviated(self, name: str) -> set[str]:
        return {flag for each, flag in self._flags.items() if each.startswith(name)}

    def given_by(self, variables: Mapping[str, Token]) -> dict[str, Token]:
        """Flags that variables set."""
        if not self.in_variables:
            return {}
        names = {flag: flag.replace("-", "_").upper() for flag in self.long}
        return {flag: variables[name] for flag, name in names.items() if name in variables}


@dataclass(frozen=True, slots=True)
class Flags:
    """What one program was given.

    A switch has the value "true" or, as `--no-switch`, "false"; a field of a flag that takes
    JSON, `--flag.field value`, is under `flag.field`. `hidden` is why a flag that is absent
    here may be set all the same: an argument that is not known yet, a file, a variable that
    nobody can read.
    """

    names: ClassVar[FlagNames]

    values: Mapping[str, Token]
    words: Sequence[Token]
    hidden: str | UnknownValueError | None
    surroundings: Surroundings = ALONE

    @classmethod
    def parse(cls, words: Sequence[Token], surroundings: Surroundings = ALONE) -> Self:
        values = cls.names.given_by(surroundings.variables)
        hidden = surroundings.hidden if cls.names.in_variables else None
        index = 0
        while index < len(words):
            word = words[index]
            index += 1
            if isinstance(word, UnknownValueError):
                hidden = word
                continue
            if not is_flag(word):
                # The first word is the model, whatever a variable makes of it.
                if "$" in word and index > 1:
                    hidden = hidden or f"{shown(word)}, which no policy can read"
                continue
            name, equals, value = word.partition("=")
            given: Token = value
            if _OFF.match(name):
                name, given = f"--{name[5:]}", "false"
            elif cls.names.is_switch(name):
                given = "true"
            elif not equals and index < len(words):
                following = words[index]
                if isinstance(following, UnknownValueError) or not is_flag(following):
                    given = following
                    index += 1
            if (flag := cls.names.flag(name)) is not None:
                values[flag] = given
        if "config" in values:
            hidden = hidden or "the file of --config, which no policy can read"
        return cls(values, words, hidden, surroundings)

    def text(self, flag: str) -> str | None:
        """The flag's value; None where the program was started without it."""
        if flag in self.values:
            return known_word(self.values[flag])
        if isinstance(self.hidden, UnknownValueError):
            raise self.hidden
        if self.hidden is not None:
            raise UnreadableError(f"--{flag} may be set by {self.hidden}")
        return None

    def whole_number(self, flag: str, default: int, *, least: int = 1) -> int:
        """A number of at least `least`; vLLM reads 32k as 32000 and 32K as 32768."""
        return _whole_number(flag, self.text(flag), default, least)

    def visible(self, flag: str) -> str | None:
        """As `text`, but what may be hidden is taken to be absent.

        Of the flags that few servers have: else one argument that is not known yet
        would keep every server from being checked at all.
        """
        return known_word(self.values[flag]) if flag in self.values else None

    def visible_number(self, flag: str, default: int, *, least: int = 1) -> int:
        return _whole_number(flag, self.visible(flag), default, least)

    def is_on(self, switch: str) -> bool:
        return self.visible(switch) == "true"


def is_flag(word: str) -> bool:
    return len(word) > 1 and word.startswith("-") and not _NEGATIVE_NUMBER.fullmatch(word)


def known_word(token: Token) -> str:
    if isinstance(token, UnknownValueError):
        raise token
    return token


def _whole_number(flag: str, text: str | None, default: int, least: int) -> int:
    if text is None:
        return default
    match = _HUMAN_NUMBER.fullmatch(text.strip())
    number = float(match[1]) * _UNITS[match[2]] if match else -1.0
    if number < least or not number.is_integer():
        raise UnreadableError(
            f"--{flag} {shown(text)}, which is no whole number of at least {least}"
        )
    return int(number)
