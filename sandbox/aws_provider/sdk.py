"""What the pulumi_aws SDK says about a resource: its properties, their wire names and types.

The SDK is the source for names and basic types, so that a program which type-checks against it
meets the same surface here. Importing it takes seconds; the result is therefore kept as JSON
beside the sandbox's state, under a name that carries the SDK's version.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pulumi import _types

from durable.files import write_private


@dataclass(frozen=True)
class Shape:
    """A type: `kind` is string, integer, number, boolean, list, map, object or any.

    `item` is the element type of a list or map; `fields` are the properties of an object.
    """

    kind: str
    item: Shape | None = None
    fields: Mapping[str, Prop] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"kind": self.kind}
        if self.item:
            found["item"] = self.item.to_json()
        if self.fields:
            found["fields"] = {
                name: [prop.shape.to_json(), prop.is_input, prop.required, prop.always]
                for name, prop in self.fields.items()
            }
        return found

    @staticmethod
    def from_json(kept: Mapping[str, Any]) -> Shape:
        return Shape(
            kind=kept["kind"],
            item=Shape.from_json(kept["item"]) if "item" in kept else None,
            fields={
                name: Prop(Shape.from_json(entry[0]), *entry[1:])
                for name, entry in kept.get("fields", {}).items()
            },
        )


@dataclass(frozen=True)
class Prop:
    """A property: whether a program may set it, must set it, and whether it always has a value."""

    shape: Shape
    is_input: bool = True
    required: bool = False
    always: bool = False


ANY = Shape("any")
_BASIC = {
    str: Shape("string"),
    int: Shape("integer"),
    float: Shape("number"),
    bool: Shape("boolean"),
}


def load_shapes(tokens: Iterable[str], cache: Path | None) -> dict[str, Shape]:
    """The object shape of every token, from `cache` (a folder) where it was worked out before."""
    wanted = sorted(tokens)
    kept_file = cache / f"sdk-shapes-{version('pulumi-aws')}.json" if cache else None
    if kept_file and kept_file.exists():
        try:
            kept = json.loads(kept_file.read_text())
        except ValueError:
            kept = {}
        if sorted(kept) == wanted:
            return {token: Shape.from_json(shape) for token, shape in kept.items()}
    shapes = {token: resource_shape(token) for token in wanted}
    if kept_file:
        content = {token: shape.to_json() for token, shape in shapes.items()}
        write_private(kept_file, json.dumps(content))
    return shapes


@cache
def resource_shape(token: str) -> Shape:
    """The shape of one resource, for example of `aws:ec2/launchTemplate:LaunchTemplate`."""
    _, place, name = token.split(":")
    package = place.partition("/")[0]
    # By its package: a module of one that pulumi_aws has not loaded yet would leave that empty.
    resource = getattr(importlib.import_module(f"pulumi_aws.{package}"), name)
    module = sys.modules[resource.__module__]
    outputs = Shape(
        "object",
        fields={
            wire: Prop(
                _output_shape(kind),
                is_input=False,
                always=not _is_optional_output(resource, python_name),
            )
            for wire, kind in _types.resource_types(resource).items()
            for python_name in [_types.resource_pulumi_to_py_names(resource)[wire]]
        },
    )
    # The plain name may be taken, as BucketVersioningArgs is by a part of Bucket.
    arguments = getattr(module, f"{name}InitArgs", None) or getattr(module, f"{name}Args")
    return _merged(_input_shape(arguments), outputs)


def _is_optional_output(resource: type, python_name: str) -> bool:
    annotation = getattr(resource, python_name).fget.__annotations__["return"]
    (inner,) = typing.get_args(annotation)
    return type(None) in typing.get_args(inner)


def _alternatives(kind: Any) -> list[Any]:
    """The members of a union without None, awaitables and outputs."""
    if typing.get_origin(kind) is not typing.Union:
        return [kind]
    plain = [member for member in typing.get_args(kind) if member is not type(None)]
    return [
        member
        for member in plain
        if not str(typing.get_origin(member) or member).startswith(
            ("<class 'pulumi.output", "<class 'collections.abc.Awaitable")
        )
    ]


def _shape(kind: Any, nested: typing.Callable[[type], Shape | None]) -> Shape:
    for member in _alternatives(kind):
        origin = typing.get_origin(member)
        if member in _BASIC:
            return _BASIC[member]
        if origin is not None and origin.__name__ == "Sequence":
            return Shape("list", item=_shape(typing.get_args(member)[0], nested))
        if origin is not None and origin.__name__ == "Mapping":
            return Shape("map", item=_shape(typing.get_args(member)[1], nested))
        if isinstance(member, type) and issubclass(member, Enum):
            return Shape("string")
        if isinstance(member, type) and (found := nested(member)):
            return found
    return ANY


def _input_shape(args: type) -> Shape:
    names = _types.input_type_py_to_pulumi_names(args)
    parameters = inspect.signature(args).parameters
    required = {
        names[python_name]
        for python_name, parameter in parameters.items()
        if python_name in names and parameter.default is inspect.Parameter.empty
    }

    def nested(kind: type) -> Shape | None:
        return _input_shape(kind) if _types.is_input_type(kind) else None

    return Shape(
        "object",
        fields={
            wire: Prop(_shape(kind, nested), required=wire in required)
            for wire, kind in _types.input_type_types(args).items()
        },
    )


def _output_shape(kind: Any) -> Shape:
    def nested(inner: type) -> Shape | None:
        if not _types.is_output_type(inner):
            return None
        # A property called as another in the SDK would be listed under its Python name.
        fields = {
            wire: Prop(_output_shape(found), is_input=False)
            for wire, found in _types.output_type_types(inner).items()
        }
        return Shape("object", fields=fields)

    return _shape(kind, nested)


def _merged(given: Shape, answered: Shape) -> Shape:
    """One shape of what may be given and what is answered; the input side decides the kind."""
    if given.kind != answered.kind:
        return given if given.kind != "any" else answered
    if given.kind in ("list", "map") and given.item and answered.item:
        return Shape(given.kind, item=_merged(given.item, answered.item))
    fields: dict[str, Prop] = {}
    for name in [*given.fields, *(n for n in answered.fields if n not in given.fields)]:
        wanted, found = given.fields.get(name), answered.fields.get(name)
        if wanted and found:
            shape = _merged(wanted.shape, found.shape)
            fields[name] = Prop(shape, True, wanted.required, found.always)
        elif wanted:
            fields[name] = wanted
        elif found:
            fields[name] = found
    return Shape(given.kind, fields=fields)
