"""Check: what is wrong with a resource's inputs, each with its path and what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.aws_provider import cfn
from sandbox.aws_provider.cloud import Cloud
from sandbox.aws_provider.convert import listed, member_of, to_api
from sandbox.aws_provider.sdk import Shape
from sandbox.aws_provider.table.model import Call, Resource, Source
from sandbox.aws_provider.wire import DEFAULTS, UNKNOWN, Properties

Problem = tuple[str, str]
"""A property path (`networkInterfaces[0].interfaceType`) and what is wrong there."""

_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "list": (list,),
    "map": (dict,),
    "object": (dict,),
}
_ALWAYS_KNOWN = {"region", "tags", "tagsAll", DEFAULTS}


def problems(entry: Resource, shape: Shape, inputs: Properties, cloud: Cloud) -> list[Problem]:
    """Everything that is wrong with the inputs, at most one thing for each path."""
    found: dict[str, str] = {}
    given = {name: value for name, value in inputs.items() if name != DEFAULTS}
    checks = (
        _shape_problems(given, shape, ""),
        _schema_problems(entry, given),
        *(_listed_problems(given, path, values) for path, values in entry.allowed.items()),
        _region_problem(given, cloud),
        _api_problems(entry, given, cloud),
    )
    for path, message in (problem for check in checks for problem in check):
        found.setdefault(path, message)
    return list(found.items())


def _shape_problems(value: Any, shape: Shape, path: str) -> Iterator[Problem]:
    if value == UNKNOWN or shape.kind == "any":
        return
    kinds = _KINDS[shape.kind]
    wrong = not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)
    if wrong:
        yield path, f"is {_short(value)}; a value of type {shape.kind} is needed"
        return
    if shape.kind == "object":
        allowed = [name for name, prop in shape.fields.items() if prop.is_input]
        for name, inner in value.items():
            if name not in allowed:
                yield _below(path, name), _unknown(name, allowed)
            else:
                yield from _shape_problems(inner, shape.fields[name].shape, _below(path, name))
        for name, prop in shape.fields.items():
            if prop.required and name not in value:
                yield _below(path, name), "is required but not set"
    elif shape.item and isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _shape_problems(inner, shape.item, f"{path}[{index}]")
    elif shape.item:
        for name, inner in value.items():
            yield from _shape_problems(inner, shape.item, _below(path, name))


def _unknown(name: str, allowed: list[str]) -> str:
    near = difflib.get_close_matches(name, allowed, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"is not a known property{hint} Known are: {', '.join(sorted(allowed))}"


def _schema_problems(entry: Resource, inputs: Properties) -> Iterator[Problem]:
    for name, value in inputs.items():
        if node := cfn.property_node(entry, name):
            yield from _node_problems(value, node, name)


def _node_problems(value: Any, node: cfn.Node, path: str) -> Iterator[Problem]:
    if value == UNKNOWN:
        return
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if below := node.inside(name):
                yield from _node_problems(inner, below, _below(path, name))
    elif isinstance(value, list):
        if item := node.item():
            for index, inner in enumerate(value):
                yield from _node_problems(inner, item, f"{path}[{index}]")
    else:
        yield from ((path, message) for message in node.problems(value))


def _listed_problems(value: Any, path: str, allowed: tuple[str, ...]) -> Iterator[Problem]:
    """For a value that is none of those in the table; `path` leads to it through any lists."""
    name, _, rest = path.partition(".")
    inner = value.get(name, UNKNOWN) if isinstance(value, Mapping) else UNKNOWN
    if inner == UNKNOWN:
        return
    if not rest:
        if inner not in allowed:
            yield name, f"is {inner!r}; allowed: {', '.join(allowed)}"
        return
    items = enumerate(inner) if isinstance(inner, list) else [(None, inner)]
    for index, item in items:
        here = name if index is None else f"{name}[{index}]"
        for below, message in _listed_problems(item, rest, allowed):
            yield f"{here}.{below}", message


def _region_problem(inputs: Properties, cloud: Cloud) -> Iterator[Problem]:
    region = inputs.get("region", UNKNOWN)
    if region not in (UNKNOWN, cloud.facts["region"]):
        yield "region", f"is {region!r}; the sandbox is in {cloud.facts['region']} only"


def _api_problems(entry: Resource, inputs: Properties, cloud: Cloud) -> Iterator[Problem]:
    """What the create call's model says: values it does not list, inputs that reach no call."""
    found: list[Problem] = []
    target = create_shape(entry, cloud)
    consumed = consumed_inputs(entry)
    for name, value in inputs.items():
        if name in _ALWAYS_KNOWN:
            continue
        member = member_of(target, name, name, entry.rename) if target else None
        if member and target:
            to_api(
                value,
                target.members[member],
                name,
                entry.rename,
                lambda path, message: found.append((path, message)),
            )
        elif name not in consumed:
            found.append((name, "is not supported by the sandbox's stand-in for pulumi-aws"))
    yield from found


def create_shape(entry: Resource, cloud: Cloud) -> Any:
    """The structure of the create call's model that inputs are matched with by name."""
    return inputs_shape(entry, entry.create, cloud)


def inputs_shape(entry: Resource, call: Call, cloud: Cloud) -> Any:
    """The same for any call; None where the call takes only what the table says."""
    if not call.takes_inputs:
        return None
    shape = cloud.operation(entry.client, call.operation).input_shape
    return shape.members[call.below] if call.below else shape


def consumed_inputs(entry: Resource) -> set[str]:
    """The inputs that the table itself brings into some call, and those that only steer."""
    found = {*_ALWAYS_KNOWN, *entry.local}
    if entry.autoname:
        found.add(f"{entry.autoname.property}Prefix")
    for call in (entry.create, *entry.steps, *entry.delete):
        found |= {name for name in call.when if name != "*"}
        found |= {name for name in (call.only_if, call.unless) if name}
        found |= named_in(call.params)
    return found


def named_in(template: Any) -> set[str]:
    """The top-level inputs that a template names."""
    if isinstance(template, Source):
        name = getattr(template, "name", None)
        inner = named_in(getattr(template, "template", None))
        return inner | ({name.split(".")[0]} if isinstance(name, str) else set())
    if isinstance(template, Mapping):
        return set().union(*(named_in(inner) for inner in template.values()))
    if isinstance(template, list):
        return set().union(*(named_in(inner) for inner in template))
    return set()


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


__all__ = ["Problem", "consumed_inputs", "create_shape", "inputs_shape", "listed", "problems"]
