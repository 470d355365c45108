"""Names for resources whose program gives none, as pulumi-aws makes them."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from sandbox.aws_provider.table.model import Resource
from sandbox.aws_provider.wire import DEFAULTS, Properties

HEX_DIGITS = 7


def with_name(
    entry: Resource,
    news: Properties,
    olds: Properties,
    logical_name: str,
    seed: bytes,
    proposed: str | None = None,
    noted: str | None = None,
) -> Properties:
    """The inputs with a name: the given one, else the one from before, else a new one.

    `noted` is the name that a killed run chose for a resource which it made: it counts as before.
    A chosen name is listed under `__defaults`, so that later calls can tell it from a given one.
    The same `seed` (the engine's) gives the same name.
    """
    given = {name: value for name, value in news.items() if name != DEFAULTS}
    auto = entry.autoname
    if auto is None or auto.property in given:
        return given
    if is_chosen(entry, olds) and auto.property in olds:
        name = olds[auto.property]
    elif noted:
        name = noted
    elif proposed:
        name = auto.prefix + proposed
    else:
        stem = given.get(f"{auto.property}Prefix") or f"{auto.prefix}{logical_name}-"
        name = f"{stem}{_digits(seed, logical_name)}"
    return {**given, auto.property: name, DEFAULTS: [auto.property]}


def _digits(seed: bytes, logical_name: str) -> str:
    if not seed:
        return secrets.token_hex(HEX_DIGITS)[:HEX_DIGITS]
    return hashlib.sha256(seed + logical_name.encode()).hexdigest()[:HEX_DIGITS]


def is_chosen(entry: Resource, inputs: Properties) -> bool:
    """Whether the resource's name was chosen by the provider."""
    chosen: list[Any] = inputs.get(DEFAULTS, [])
    return entry.autoname is not None and entry.autoname.property in chosen
