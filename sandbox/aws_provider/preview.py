"""What a preview shows as outputs: what is known already, and unknowns for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.aws_provider.diffing import Changes
from sandbox.aws_provider.sdk import Shape
from sandbox.aws_provider.table.model import Resource
from sandbox.aws_provider.wire import DEFAULTS, UNKNOWN, Properties


@dataclass(frozen=True)
class Preview:
    """One resource's table entry and shape, its tags (or UNKNOWN) and the region."""

    entry: Resource
    shape: Shape
    tags: Any
    region: str


def previewed_create(preview: Preview, inputs: Properties) -> Properties:
    """The outputs of a creation: inputs, and unknowns for what AWS will add."""
    outputs = {name: value for name, value in inputs.items() if name != DEFAULTS}
    for name, prop in preview.shape.fields.items():
        if name not in outputs and (prop.always or not prop.is_input):
            outputs[name] = UNKNOWN
    for path in preview.entry.computed_nested:
        name, inner = path.split(".")
        if isinstance(outputs.get(name), Mapping) and inner not in outputs[name]:
            outputs[name] = {**outputs[name], inner: UNKNOWN}
    return _with_common(preview, outputs)


def previewed_update(
    preview: Preview, old: Properties, new: Properties, changes: Changes
) -> Properties:
    """The outputs of an update: those of before with the new inputs, and unknowns for the rest."""
    fields = preview.shape.fields
    given = {name: value for name, value in new.items() if name != DEFAULTS}
    outputs = {**old}
    for name, value in given.items():
        kind = fields[name].shape.kind if name in fields else "any"
        both = isinstance(value, Mapping) and isinstance(old.get(name), Mapping)
        outputs[name] = {**old[name], **value} if both and kind == "object" else value
    changed = {change.top for change in changes.changes}
    for name in (changed - set(given)) & set(outputs):
        outputs[name] = UNKNOWN if name in fields and fields[name].always else None
    if changed - {"tags", "tagsAll"}:
        volatile = [name for name in preview.entry.volatile if name not in given]
        outputs.update(dict.fromkeys(volatile, UNKNOWN))
    return _with_common(preview, outputs)


def _with_common(preview: Preview, outputs: Properties) -> Properties:
    if preview.entry.tags:
        outputs["tagsAll"] = preview.tags
    if "region" in preview.shape.fields:
        outputs["region"] = preview.region
    return outputs
