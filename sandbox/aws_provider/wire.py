"""Between protobuf structs and plain Python values.

Secrets arrive unwrapped, because the provider says that it does not take them; the engine marks
the outputs again by itself. A value that is not known yet is `UNKNOWN` on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf import struct_pb2
from pulumi.runtime import rpc

UNKNOWN: Final = rpc.UNKNOWN
"""What stands for a value that only the real creation of some resource will tell."""

DEFAULTS: Final = "__defaults"
"""The input that lists the properties which the provider chose, as pulumi-aws keeps it."""

Properties = dict[str, Any]
"""Property name -> JSON-like value; what a Pulumi resource's inputs and outputs are."""


def from_struct(struct: struct_pb2.Struct) -> Properties:
    """Plain values; whole numbers become ints, nulls are left out."""
    return {
        name: _plain(value)
        for name, value in struct.fields.items()
        if value.WhichOneof("kind") not in (None, "null_value")
    }


def _plain(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_plain(item) for item in value.list_value.values]
        case "struct_value":
            found = from_struct(value.struct_value)
            special = found.get(rpc._special_sig_key)
            if special in (rpc._special_secret_sig, rpc._special_output_value_sig):
                return found.get("value", UNKNOWN)
            return found
    return None


def to_struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """The struct of plain values; what is None is left out."""
    struct = struct_pb2.Struct()
    for name, value in properties.items():
        if value is not None:
            _fill(struct.fields[name], value)
    return struct


def _fill(target: struct_pb2.Value, value: Any) -> None:
    if value is None:
        target.null_value = struct_pb2.NULL_VALUE
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int | float):
        target.number_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, Mapping):
        target.struct_value.CopyFrom(to_struct(value))
    else:
        target.list_value.SetInParent()
        for item in value:
            _fill(target.list_value.values.add(), item)


def has_unknown(value: Any) -> bool:
    """Whether the value or any part of it is not known yet."""
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return bool(value == UNKNOWN)
