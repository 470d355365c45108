"""No secret is written out in a container: neither in a variable, nor in its command line.

Whoever may read the pod reads it, and so does whoever may read the state, the diff of a pull
request, or the list of processes on the node. What is not known yet in a preview is looked at
for its name alone; at the `up` that follows for its shape too.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from pulumi_policy import ResourceValidationPolicy, Severity
from pulumi_policy.proxy import UnknownValueError

from policies.kubernetes.workloads import Container, containers
from policies.plain_secrets import is_secret, is_secret_name, shape_of
from policies.reading import child, elements, known, shown
from policies.review import Config, Resource, Review, of_resource

_OF_KUBERNETES = re.compile(r"\$\((\w+)\)")
_OF_SHELL = re.compile(
    r"\$(?:\{(?P<braced>\w+)(?::?-(?P<default>[^}]*))?\}|(?P<bare>[A-Za-z_]\w*))"
)
_SET_BY_SHELL = re.compile(r"\b(\w+)=(\"[^\"]*\"|'[^']*'|[^\s;&|]+)")
_ENDS_OF_COMMAND = ";&|)"
_FLAG = re.compile(r"--?([A-Za-z][\w.-]*)(?:=(.*))?", re.DOTALL)
_ASSIGNMENT = re.compile(r"([A-Za-z_][\w.-]*)=(.*)", re.DOTALL)

Word = str | UnknownValueError


def _check(review: Review, subject: Resource, config: Config) -> None:
    for container in containers(review, subject):
        with review.reading(container.place):
            _check_container(review, container)


def _check_container(review: Review, container: Container) -> None:
    variables: dict[str, str] = {}
    for entry in elements(child(container.fields, "env")):
        with review.reading(container.place):
            _check_variable(review, container, known(entry), variables)
    words = [
        *elements(child(container.fields, "command")),
        *elements(child(container.fields, "args")),
    ]
    said: set[str] = set()
    for name, value in _named(list(_words(words, variables))):
        with review.reading(container.place):
            if name is not None and is_secret_name(name) and is_secret(name, known(value)):
                said.add(f"{shown(name)} with a value that is a secret by its name")
    shapes = {shape_of(_expanded(word, variables)) for word in words if isinstance(word, str)}
    said |= {f"words with the shape of {shape}" for shape in shapes if shape is not None}
    for what in sorted(said):
        review.refuse(
            container.place,
            found=f"command line: {what}",
            allowed="a variable from a Secret, or a file that one is mounted as",
            fix="give it by valueFrom.secretKeyRef in `env`, and revoke what was written here",
        )


def _check_variable(
    review: Review, container: Container, entry: Any, variables: dict[str, str]
) -> None:
    """Notes the variable in `variables`, which later ones and the command line may refer to."""
    name = child(entry, "name")
    if not isinstance(name, str):
        return
    variables.pop(name, None)
    try:
        value = child(entry, "value")
    except UnknownValueError:
        if is_secret_name(name):
            raise
        return
    if value is None:
        return
    text = _expanded(value if isinstance(value, str) else shown(value), variables)
    variables[name] = text
    shape = shape_of(text)
    if shape is None and not is_secret(name, text):
        return
    review.refuse(
        container.place,
        found=f"variable {shown(name)} with a value that is "
        + ("a secret by its name" if shape is None else f"{shape} by its shape"),
        allowed="valueFrom.secretKeyRef",
        fix="put it into a Secret, as the External Secrets Operator does, and revoke what was"
        " written here",
    )


def _words(given: Sequence[Any], variables: Mapping[str, str]) -> Iterator[Word]:
    """Words of the command line, and after each script its own."""
    for word in given:
        if isinstance(word, str):
            text = _expanded(word, variables)
            yield text
            if re.search(r"\s", text):
                yield from _words_of_script(text, variables)
        elif isinstance(word, UnknownValueError):
            yield word


def _words_of_script(script: str, variables: Mapping[str, str]) -> list[str]:
    own = {name: value.strip("\"'") for name, value in _SET_BY_SHELL.findall(script)}
    settled = {**variables, **{name: value for name, value in own.items() if "$" not in value}}

    def value(match: re.Match[str]) -> str:
        name = match["braced"] or match["bare"]
        return settled.get(name) or match["default"] or f"$({name})"

    text = _OF_SHELL.sub(value, script.replace("\\\n", " "))
    try:
        words = shlex.split(text)
    except ValueError:
        # An open quote, as in the text of a here document.
        words = text.split()
    return [word.rstrip(_ENDS_OF_COMMAND) for word in words]


def _named(words: Sequence[Word]) -> Iterator[tuple[str | None, Word]]:
    """Values of `--name value`, `--name=value` and `NAME=value`, each with its name."""
    for word, following in pairwise([*words, ""]):
        if not isinstance(word, str):
            continue
        if flag := _FLAG.fullmatch(word):
            if flag[2] is not None:
                yield flag[1], flag[2]
            elif not (isinstance(following, str) and following.startswith("-")):
                yield flag[1], following
        elif assigned := _ASSIGNMENT.fullmatch(word):
            yield assigned[1], assigned[2]


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    """A variable of a Secret stays a reference, which is no secret."""
    return _OF_KUBERNETES.sub(lambda match: variables.get(match[1], match[0]), text)


POLICY = ResourceValidationPolicy(
    name="kubernetes-container-no-plain-secrets",
    display_name="No secret in a container's variables or command line",
    description="Passwords, tokens and keys come to a container from a Secret, not as plain text"
    " of its variables or its command line.",
    validate=of_resource(_check),
    severity=Severity.CRITICAL,
    tags=["kubernetes", "secrets", "security"],
    remediation_steps="Put the value into a Secret and name it by valueFrom.secretKeyRef; revoke"
    " the one that was written out.",
    url="https://kubernetes.io/docs/concepts/configuration/secret/",
)
