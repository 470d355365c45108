"""What a container gives to its programs beside their words: variables, and GPUs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi_policy.proxy import UnknownValueError

from catalog.gpu_nodes import GPU_RESOURCE
from policies.quantities import quantity
from policies.reading import child, elements, known, shown
from policies.review import UnreadableError

Token = str | UnknownValueError
"""One word, or the error that stands for a word that is not known yet."""

# Also the script of vLLM's image that starts it (examples/online_serving/multi-node-serving.sh).
_RAY = re.compile(r"\bray\s+start\b|\bmulti-node-serving\.sh\b")
_REFERENCE = re.compile(r"\$\((\w+)\)")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`hidden` is why a variable that is absent here may be set all the same.

    `starts_ray`: the container joins a Ray cluster before it serves.
    """

    variables: Mapping[str, Token] = field(default_factory=dict)
    hidden: str | UnknownValueError | None = None
    gpus: Any = None
    starts_ray: bool = False

    @property
    def literals(self) -> dict[str, str]:
        """Variables whose value is known."""
        return {name: v for name, v in self.variables.items() if isinstance(v, str)}

    def number_of_gpus(self) -> int:
        """The container's limit of GPUs, which all of its processes see."""
        if isinstance(self.gpus, UnknownValueError):
            raise self.gpus
        number = quantity(self.gpus)
        if number is None or number < 1 or number % 1:
            raise UnreadableError(
                f"it takes all GPUs of its container, whose limit is {shown(self.gpus)}"
            )
        return int(number)


ALONE = Surroundings()


def surroundings_of(container: Mapping[str, Any], given: Mapping[str, str]) -> Surroundings:
    """`given` are the variables that a controller of Kubernetes writes into the container."""
    variables: dict[str, Token] = dict(given)
    hidden: str | UnknownValueError | None = _hidden(child(container, "envFrom"))
    for entry in elements(child(container, "env")):
        try:
            name = child(entry, "name")
        except UnknownValueError as error:
            hidden = error
            continue
        if isinstance(name, str):
            variables[name] = _value(name, entry, variables)
    try:
        gpus = child(container, "resources", "limits", GPU_RESOURCE)
    except UnknownValueError as error:
        gpus = error
    words = [*elements(child(container, "command")), *elements(child(container, "args"))]
    text = " ".join(word for word in words if isinstance(word, str))
    return Surroundings(variables, hidden, gpus, _RAY.search(text) is not None)


def expanded(text: str, variables: Mapping[str, Token]) -> str:
    """`text` with each `$(VAR)` that is known put in, as Kubernetes does it."""

    def value(match: re.Match[str]) -> str:
        found = variables.get(match[1])
        return found if isinstance(found, str) else match[0]

    return _REFERENCE.sub(value, text)


def _value(name: str, entry: Any, before: Mapping[str, Token]) -> Token:
    """A value of a Secret or of a field of the pod stays a reference, which nobody can read."""
    try:
        value = child(entry, "value")
        if value is None and child(entry, "valueFrom") is not None:
            return f"$({name})"
    except UnknownValueError as error:
        return error
    return expanded(value if isinstance(value, str) else "", before)


def _hidden(sources: Any) -> str | UnknownValueError | None:
    """Whole ConfigMaps may hold settings; a Secret holds tokens."""
    for source in elements(sources):
        try:
            if child(known(source), "configMapRef") is not None:
                return "a ConfigMap of envFrom, which no policy can read"
        except UnknownValueError as error:
            return error
    return None
