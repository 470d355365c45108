"""What the program declared of a resource, for policies that see the whole stack.

A stack policy gets outputs. In a preview those are unknown wherever a provider fills in
what the program left out, and while the cluster does not exist its provider is not
configured, and there are none at all: a policy that trusted them would pass everything
in the first preview. The resource policies ran before, in this same process, and saw
the inputs: they are kept here. All of them, since what a stack policy reads is known only once
it runs; but as the engine sent them, which takes a fraction of the memory of what Python makes
of them, and is read again only where a policy asks.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from policies.memo import once

Read = Callable[[], Mapping[str, Any]]

_inputs: dict[str, Read] = {}


class Declared(Protocol):
    """A resource as either kind of policy gets it."""

    @property
    def urn(self) -> str: ...
    @property
    def props(self) -> Mapping[str, Any]: ...


def remember(resource: Declared, read: Read | None = None) -> None:
    """Keep the inputs that a resource policy sees; `read` makes them anew, in less memory."""
    if len(resource.props):
        props = resource.props
        _inputs[resource.urn] = read or (lambda: props)


def declared(resource: Declared) -> Mapping[str, Any] | None:
    """Its inputs, or its outputs where nobody saw those; None where the engine gave neither."""
    read = _inputs.get(resource.urn)
    found = resource.props if read is None else _read(read)
    return found if len(found) else None


def forget() -> None:
    """Of a stack that was checked in this process before."""
    _inputs.clear()


@once
def _read(read: Read) -> Mapping[str, Any]:
    return read()
