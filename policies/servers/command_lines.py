"""The command line of an LLM server, out of `command`, `args` and `env` of a container.

As Kubernetes and a shell would make it: `$(VAR)` is a variable of the container,
without `command` the image's entry point runs, and a script of `sh -c` is read
for the one command that starts a server.
"""

import itertools
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from pulumi_policy.proxy import UnknownValueError

from policies.reading import child, elements, shown
from policies.servers import triton_start
from policies.servers.starts import STARTS, Engine, Start
from policies.servers.surroundings import Surroundings, Token, expanded, surroundings_of

_SHELLS = frozenset({"ash", "bash", "dash", "ksh", "sh", "zsh"})
_SHELL_OPTION_C = re.compile(r"-[a-zA-Z]*c[a-zA-Z]*")
_SHELL_VARIABLE = re.compile(
    r"\$(?:\{(?P<braced>\w+)(?::?-(?P<default>[^}]*))?\}|(?P<bare>[A-Za-z_]\w*))"
)
_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<value>.*)", re.DOTALL)
_BEFORE_ASSIGNMENTS = frozenset({"do", "else", "env", "export", "then"})
_DEEPEST_SHELL = 3
_SEPARATORS = ";&|()\n"


class Started(NamedTuple):
    """A server as a container starts it: the words after its program or module."""

    engine: Engine
    arguments: list[Token]
    surroundings: Surroundings


class _Command(NamedTuple):
    """Words of one command, and the variables that a script gives it beside the container's."""

    words: Sequence[Token]
    variables: Mapping[str, str]


def started_server(
    container: Mapping[str, Any], variables: Mapping[str, str] | None = None
) -> Started | None:
    """The server that `container` starts, None where it starts none.

    `variables` are those that Kubernetes itself writes into the container.
    """
    around = surroundings_of(container, variables or {})
    command = _words(child(container, "command"), around)
    args = _words(child(container, "args"), around)
    commands = list(_commands(_Command([*command, *args], {}), around.literals))
    for each in commands:
        if (found := _after_start(each.words, container)) is not None:
            start, index, arguments = found
            own = {**each.variables, **_assigned(each.words[:index])}
            return Started(start.engine, arguments, _with(around, own))
    for each in commands:
        if (engine := _engine_of_flags(each.words, container)) is not None:
            return Started(engine, list(each.words), around)
    if command:
        return None
    served = _start_of_image(child(container, "image"))
    if served is None or not (served.image_serves or _begins_with_flag(args)):
        return None
    return Started(served.engine, args, around)


def _with(around: Surroundings, variables: Mapping[str, str]) -> Surroundings:
    return replace(around, variables={**around.variables, **variables})


def _begins_with_flag(words: Sequence[Token]) -> bool:
    return bool(words) and isinstance(words[0], str) and words[0].startswith("-")


def _engine_of_flags(words: Sequence[Token], container: Mapping[str, Any]) -> Engine | None:
    """Of a server that its flags tell; several engines have the flags that tell vLLM."""
    for start in STARTS:
        if any(isinstance(word, str) and start.flags.fullmatch(word) for word in words):
            if start.engine != "vllm":
                return start.engine
            try:
                served = _start_of_image(child(container, "image"))
            except UnknownValueError:
                served = None
            return start.engine if served is None else served.engine
    return None


def _start_of_image(image: Any) -> Start | None:
    name = _image_name(image) if isinstance(image, str) else ""
    return next((start for start in STARTS if start.image.fullmatch(name)), None)


def _image_name(image: str) -> str:
    return image.partition("@")[0].rsplit("/", 1)[-1].partition(":")[0].lower()


def _words(words: Any, around: Surroundings) -> list[Token]:
    found: list[Token] = []
    for word in elements(words):
        if isinstance(word, UnknownValueError):
            found.append(word)
            continue
        text = word if isinstance(word, str) else shown(word)
        found.append(expanded(text, around.variables))
    return found


def _commands(
    command: _Command, variables: Mapping[str, str], depth: int = _DEEPEST_SHELL
) -> Iterator[_Command]:
    """The command itself, then those of the scripts that it gives to a shell."""
    yield command
    shells = (
        index
        for index, word in enumerate(command.words)
        if isinstance(word, str) and PurePosixPath(word).name in _SHELLS
    )
    if depth and (first := next(shells, None)) is not None:
        for each in _commands_of_script(command.words[first + 1 :], variables):
            inherited = {**command.variables, **each.variables}
            yield from _commands(_Command(each.words, inherited), variables, depth - 1)


def _after_start(
    words: Sequence[Token], container: Mapping[str, Any]
) -> tuple[Start, int, list[Token]] | None:
    """How a server starts here, where its program or module is, and the words after it."""
    for index, word in enumerate(words):
        if not isinstance(word, str):
            continue
        rest = list(words[index + 1 :])
        for start in STARTS:
            is_program = PurePosixPath(word).name == start.program
            if not is_program and not start.module.fullmatch(word):
                continue
            following = rest[0] if rest and isinstance(rest[0], str) else ""
            if start.engine == "triton":
                if triton_start.serves_llm(words, child(container, "image")):
                    return start, index, list(words)
            elif following in start.subcommands:
                return start, index, rest[1:]
            elif not (is_program and start.needs_subcommand) and following not in start.others:
                return start, index, rest
    return None


def _commands_of_script(
    arguments: Sequence[Token], variables: Mapping[str, str]
) -> Iterator[_Command]:
    """Simple commands of `-c SCRIPT [NAME [ARGUMENT...]]`."""
    for index, option in enumerate(arguments[:-1]):
        if not (isinstance(option, str) and _SHELL_OPTION_C.fullmatch(option)):
            continue
        script, parameters = arguments[index + 1], arguments[index + 3 :]
        if isinstance(script, UnknownValueError):
            raise script
        own = _variables_of_script(script, variables)
        exported = {name for name in own if name in variables}
        for command in _split(_expanded(script, {**variables, **own})):
            if command[:1] == ["export"]:
                exported |= {word.partition("=")[0] for word in command[1:]} & own.keys()
                continue
            words: list[Token] = []
            for word in command:
                words += parameters if word in ("$@", "$*") else [word]
            yield _Command(words, {name: own[name] or f"$({name})" for name in exported})
        return


def _assigned(words: Sequence[Token]) -> dict[str, str]:
    """Variables that are set before a program: `A=1 program`, `env A=1 program`, `export A=1`."""
    matches = (_ASSIGNMENT.fullmatch(word) for word in words if isinstance(word, str))
    return {match["name"]: match["value"] for match in matches if match}


def _variables_of_script(script: str, variables: Mapping[str, str]) -> dict[str, str | None]:
    """Those that a script sets; None for one that it sets twice, or by another command."""
    found: dict[str, str | None] = {}
    for command in _split(script.replace("\\\n", " ")):
        for word in itertools.dropwhile(_BEFORE_ASSIGNMENTS.__contains__, command):
            if (match := _ASSIGNMENT.fullmatch(word)) is None:
                break
            name, value = match["name"], _expanded(match["value"], {**variables, **found})
            is_clear = "$" not in value and "`" not in value and found.get(name, value) == value
            found[name] = value if is_clear else None
    return found


def _expanded(script: str, variables: Mapping[str, str | None]) -> str:
    """Literal variables put in; quotes are not looked at, which can only show more."""

    def value(match: re.Match[str]) -> str:
        name, default = match["braced"] or match["bare"], match["default"]
        given = variables.get(name, default)
        return match[0] if given is None else given

    return _SHELL_VARIABLE.sub(value, script.replace("\\\n", " "))


def _split(script: str) -> list[list[str]]:
    lexer = shlex.shlex(script, posix=True, punctuation_chars=_SEPARATORS)
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    commands: list[list[str]] = [[]]
    try:
        for word in lexer:
            if word and set(word) <= set(_SEPARATORS):
                commands.append([])
            else:
                commands[-1].append(word)
    except ValueError:
        # An open quote, as in the text of a here document.
        return [script.split()]
    return commands
