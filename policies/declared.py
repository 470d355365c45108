"""What the program declared of a resource, for policies that see the whole stack.

A stack policy gets outputs. In a preview those are unknown wherever a provider fills in
what the program left out, and while the cluster does not exist its provider is not
configured, and there are none at all: a policy that trusted them would pass everything
in the first preview. The resource policies ran before, in this same process, and saw
the inputs: they are kept here.
"""

from collections.abc import Mapping
from typing import Any, Protocol

_inputs: dict[str, Mapping[str, Any]] = {}


class Declared(Protocol):
    """A resource as either kind of policy gets it."""

    @property
    def urn(self) -> str: ...
    @property
    def props(self) -> Mapping[str, Any]: ...


def remember(resource: Declared) -> None:
    """Keep the inputs that a resource policy sees."""
    if len(resource.props):
        _inputs[resource.urn] = resource.props


def declared(resource: Declared) -> Mapping[str, Any] | None:
    """Its inputs, or its outputs where nobody saw those; None where the engine gave neither."""
    found = _inputs.get(resource.urn, resource.props)
    return found if len(found) else None


def forget() -> None:
    """Of a stack that was checked in this process before."""
    _inputs.clear()
