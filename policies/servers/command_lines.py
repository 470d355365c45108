"""The command line of an LLM server, out of `command`, `args` and `env` of a container.

As Kubernetes and a shell would make it: `$(VAR)` is a variable of the container,
without `command` the image's entry point runs, and a script of `sh -c` is read
for the one command that starts a server.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Literal, NamedTuple

from pulumi_policy.proxy import UnknownValueError

from policies.reading import child, elements, shown

Token = str | UnknownValueError
"""One word, or the error that stands for a word that is not known yet."""

Engine = Literal["vllm", "deepspeed_mii"]

_ENTRY_POINT = re.compile(
    r"vllm\.entrypoints\.(?:[\w.]+\.)?(?:api_server|main)|.*/vllm/entrypoints/[\w/]*api_server\.py"
)
_MII_ENTRY_POINT = re.compile(
    r"mii\.entrypoints\.(?:openai_)?api_server|.*/mii/entrypoints/(?:openai_)?api_server\.py"
)
_MII_IMAGE = "deepspeed-mii"
# Flags that hardly any other program has: who gets one is a server, whatever it is called.
_TELLING_FLAG = re.compile(
    r"(?:-tp|--(?:tensor[-_]parallel|pipeline[-_]parallel|gpu[-_]memory|max[-_]model)[-_\w]*)(?:=.*)?",
    re.DOTALL,
)
_SHELLS = frozenset({"ash", "bash", "dash", "ksh", "sh", "zsh"})
_SHELL_OPTION_C = re.compile(r"-[a-zA-Z]*c[a-zA-Z]*")
_SHELL_VARIABLE = re.compile(
    r"\$(?:\{(?P<braced>\w+)(?::?-(?P<default>[^}]*))?\}|(?P<bare>[A-Za-z_]\w*))"
)
_DEEPEST_SHELL = 3
_SEPARATORS = ";&|()\n"


class Started(NamedTuple):
    """A server as a container starts it: the words after `vllm serve`, or after MII's module."""

    engine: Engine
    arguments: list[Token]


def started_server(
    container: Mapping[str, Any], variables: Mapping[str, str] | None = None
) -> Started | None:
    """The server that `container` starts, None where it starts none.

    `variables` are those that Kubernetes itself writes into the container.
    """
    known = {**(variables or {}), **_literal_variables(child(container, "env"))}
    command = _words(child(container, "command"), known)
    args = _words(child(container, "args"), known)
    commands = list(_commands([*command, *args], known))
    for words in commands:
        if (started := _after_start(words)) is not None:
            return started
    for words in commands:
        if _has_telling_flag(words):
            return Started(_engine_of_flags(container), list(words))
    if command:
        return None
    engine = _engine_of_image(child(container, "image"))
    return None if engine is None else Started(engine, args)


def _engine_of_flags(container: Mapping[str, Any]) -> Engine:
    """Of a server that its flags tell: an image whose name is not known yet is none of MII."""
    try:
        return _engine_of_image(child(container, "image")) or "vllm"
    except UnknownValueError:
        return "vllm"


def _engine_of_image(image: Any) -> Engine | None:
    name = _image_name(image) if isinstance(image, str) else ""
    if name.endswith(_MII_IMAGE):
        return "deepspeed_mii"
    return "vllm" if "vllm" in name else None


def _image_name(image: str) -> str:
    return image.partition("@")[0].rsplit("/", 1)[-1].partition(":")[0].lower()


def _literal_variables(env: Any) -> dict[str, str]:
    """Those of a Secret, a field of the pod or an Output cannot be read."""
    literal = {}
    for entry in elements(env):
        try:
            name, value = child(entry, "name"), child(entry, "value")
        except UnknownValueError:
            continue
        if isinstance(name, str) and isinstance(value, str):
            literal[name] = value
    return literal


def _words(words: Any, variables: Mapping[str, str]) -> list[Token]:
    found: list[Token] = []
    for word in elements(words):
        if isinstance(word, UnknownValueError):
            found.append(word)
            continue
        text = word if isinstance(word, str) else shown(word)
        found.append(re.sub(r"\$\((\w+)\)", lambda m: variables.get(m[1], m[0]), text))
    return found


def _commands(
    words: Sequence[Token], variables: Mapping[str, str], depth: int = _DEEPEST_SHELL
) -> Iterator[Sequence[Token]]:
    """The command itself, then those of the scripts that it gives to a shell."""
    yield words
    shells = (
        index
        for index, word in enumerate(words)
        if isinstance(word, str) and PurePosixPath(word).name in _SHELLS
    )
    if depth and (first := next(shells, None)) is not None:
        for command in _commands_of_script(words[first + 1 :], variables):
            yield from _commands(command, variables, depth - 1)


def _after_start(words: Sequence[Token]) -> Started | None:
    for index, word in enumerate(words):
        if not isinstance(word, str):
            continue
        rest = list(words[index + 1 :])
        if PurePosixPath(word).name == "vllm" and rest[:1] == ["serve"]:
            return Started("vllm", rest[1:])
        if _ENTRY_POINT.fullmatch(word):
            return Started("vllm", rest[1:] if rest[:1] == ["serve"] else rest)
        if _MII_ENTRY_POINT.fullmatch(word):
            return Started("deepspeed_mii", rest)
    return None


def _has_telling_flag(words: Sequence[Token]) -> bool:
    return any(isinstance(word, str) and _TELLING_FLAG.fullmatch(word) for word in words)


def _commands_of_script(
    arguments: Sequence[Token], variables: Mapping[str, str]
) -> Iterator[list[Token]]:
    """Simple commands of `-c SCRIPT [NAME [ARGUMENT...]]`."""
    for index, option in enumerate(arguments[:-1]):
        if not (isinstance(option, str) and _SHELL_OPTION_C.fullmatch(option)):
            continue
        script, parameters = arguments[index + 1], arguments[index + 3 :]
        if isinstance(script, UnknownValueError):
            raise script
        for command in _split(_expanded(script, variables)):
            words: list[Token] = []
            for word in command:
                words += parameters if word in ("$@", "$*") else [word]
            yield words
        return


def _expanded(script: str, variables: Mapping[str, str]) -> str:
    """Literal variables put in; quotes are not looked at, which can only show more."""

    def value(match: re.Match[str]) -> str:
        default = match["default"]
        return variables.get(
            match["braced"] or match["bare"], match[0] if default is None else default
        )

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
