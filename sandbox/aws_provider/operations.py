"""Create, read, update and delete, as the table says, for any resource.

A run may be killed between AWS's answer and Pulumi's note of it. The next create then finds what is
there, in one of two ways:
- The stand-in notes each id that it creates under the resource's URN until the engine shows that it
  knows it (by a read, a diff, an update or a delete). A create that finds such a note, made for the
  same inputs, takes that resource if it still exists.
- If AWS says that a thing of that name exists already, it is taken if it has the inputs that are
  wanted; otherwise the error stands. (A kill within the milliseconds before the note is written
  leaves a thing that has no name of its own, a VPC for example, behind unnoticed.)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sandbox.aws_provider.checking import consumed_inputs, inputs_shape
from sandbox.aws_provider.cloud import ApiError, Cloud
from sandbox.aws_provider.convert import from_api, live_member, member_of, to_api
from sandbox.aws_provider.diffing import Changes
from sandbox.aws_provider.kept_store import KeptStore
from sandbox.aws_provider.naming import is_chosen
from sandbox.aws_provider.sdk import Shape
from sandbox.aws_provider.state import agree, completed, projected, without_empty, zero
from sandbox.aws_provider.table.model import Call, IdOf, Look, Resource
from sandbox.aws_provider.templates import OMIT, Scope, at_path, fill, fill_params, read_tags
from sandbox.aws_provider.wire import DEFAULTS, UNKNOWN, Properties


@dataclass(frozen=True)
class Found:
    """A resource as the API has it: what Pulumi keeps of it."""

    id: str
    inputs: Properties
    outputs: Properties


class Operations:
    """What can be done with resources of one table entry."""

    def __init__(
        self,
        entry: Resource,
        shape: Shape,
        cloud: Cloud,
        store: KeptStore,
        default_tags: Mapping[str, str],
    ) -> None:
        self._entry = entry
        self._shape = shape
        self._cloud = cloud
        self._store = store
        self._default_tags = default_tags

    def all_tags(self, inputs: Properties) -> dict[str, Any]:
        """The resource's tags over the provider's default tags."""
        tags = inputs.get("tags") or {}
        return {**self._default_tags, **tags} if tags != UNKNOWN else dict(self._default_tags)

    def create(self, urn: str, inputs: Properties) -> Found:
        """Make the resource, or take what a killed run made; raises ApiError."""
        wanted = self._fingerprint(inputs)
        if found := self._noted(urn, wanted, inputs):
            self._finish(found.id, inputs)
            return self._after(found.id, inputs)
        scope = self._scope(inputs)
        try:
            answer = self._call(self._entry.create, scope, with_tags=True)
            identifier = self._identify(inputs, answer, scope)
        except ApiError as error:
            identifier = self._adopt(error, inputs, scope)
        with self._store.change() as content:
            content["creations"][urn] = {
                "id": identifier,
                "inputs": wanted,
                "name": inputs.get(self._entry.autoname.property) if self._entry.autoname else None,
            }
        self._finish(identifier, inputs)
        return self._after(identifier, inputs)

    def _noted(self, urn: str, wanted: str, inputs: Properties) -> Found | None:
        note = self._store.read()["creations"].get(urn)
        if not note or note["inputs"] != wanted:
            return None
        found = self.read(note["id"], inputs, {})
        return found if found and self._agrees(inputs, found) else None

    def _finish(self, identifier: str, inputs: Properties) -> None:
        """The calls that a creation needs after the first; each may be repeated."""
        live = self._live(identifier, inputs) or {}
        scope = replace(self._scope(inputs, identifier), live=live)
        for step in self._entry.steps:
            applies = not step.when or any(name in inputs for name in step.when)
            if applies and not step.only_update:
                answer = self._call(step, scope)
                scope = replace(scope, answer=answer)
        if self._entry.tags and not self._entry.tags.create:
            self._change_tags(identifier, inputs, scope)

    def _after(self, identifier: str, inputs: Properties) -> Found:
        found = self.read(identifier, inputs, {})
        if found is None:
            code = "ResourceNotFound"
            raise ApiError(self._entry.create.operation, code, f"{identifier} is gone already")
        return found

    def _fingerprint(self, inputs: Properties) -> str:
        plain = {name: value for name, value in inputs.items() if name != DEFAULTS}
        if self._entry.autoname and is_chosen(self._entry, inputs):
            # Whatever the name is: the engine may ask for another one in each run.
            plain.pop(self._entry.autoname.property, None)
        text = json.dumps({**plain, "tagsAll": self.all_tags(inputs)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def _identify(self, inputs: Properties, answer: Mapping[str, Any], scope: Scope) -> str:
        if isinstance(self._entry.id, IdOf):
            return self._entry.id.separator.join(str(inputs[name]) for name in self._entry.id.names)
        return str(at_path(answer, self._entry.id, scope))

    def _adopt(self, error: ApiError, inputs: Properties, scope: Scope) -> str:
        adopt = self._entry.adopt
        if adopt is None or error.code not in adopt.exists:
            raise error
        if adopt.look:
            answer = self._cloud.call(
                self._entry.client,
                adopt.look.operation,
                fill_params(adopt.look.params, scope),
            )
            identifier = at_path(answer, adopt.look.path, scope)
        else:
            identifier = self._identify(inputs, {}, scope)
        found = self.read(str(identifier), inputs, {}) if identifier else None
        if found is None or not self._agrees(inputs, found):
            raise error
        return found.id

    def _agrees(self, inputs: Properties, found: Found) -> bool:
        later = {name for step in self._entry.steps if not step.only_update for name in step.when}
        auto = self._entry.autoname
        skipped = {DEFAULTS, *later, *([auto.property] if auto else [])}
        given = {name: value for name, value in inputs.items() if name not in skipped}
        same_tags = not self._entry.tags or self.all_tags(inputs) == found.outputs.get("tagsAll")
        return agree(given, found.inputs) and same_tags

    def acknowledge(self, urn: str, identifier: str) -> None:
        """The engine knows this resource, so no later create may take it."""
        note = self._store.read()["creations"].get(urn)
        if note and note["id"] == identifier:
            with self._store.change() as content:
                content["creations"].pop(urn, None)

    def read(self, identifier: str, inputs: Properties, old_outputs: Properties) -> Found | None:
        """The resource as it is now, or None where it is gone. Without inputs: for an import."""
        known = {**self._id_inputs(identifier), **inputs}
        live = self._live(identifier, {**old_outputs, **known})
        if live is None:
            return None
        shown = self._shown(identifier, live, known)
        shape = self._shape
        now: Properties = {}
        if inputs:
            for name, value in inputs.items():
                if name == "tags":
                    now[name] = self._own_tags(value or {}, shown.get("tagsAll", {}))
                elif name in shape.fields and name in shown and name != DEFAULTS:
                    now[name] = projected(value, shown[name], shape.fields[name].shape)
                else:
                    now[name] = value
            own = self._own_tags({}, shown.get("tagsAll", {}))
            if own and "tags" not in inputs:
                now["tags"] = own
        else:
            now = self._imported(shown, known)
        outputs = {**shown}
        for name, value in now.items():
            if name != DEFAULTS:
                outputs[name] = completed(value, shown[name]) if name in shown else value
        for name, prop in shape.fields.items():
            if prop.always and name not in outputs and zero(prop.shape) is not None:
                outputs[name] = zero(prop.shape)
        return Found(identifier, now, outputs)

    def _imported(self, shown: Properties, known: Properties) -> Properties:
        consumed = consumed_inputs(self._entry)
        target = inputs_shape(self._entry, self._entry.create, self._cloud)
        fields = self._shape.fields
        taken = {
            name: _inputs_only(shown[name], fields[name].shape)
            for name in shown
            if fields[name].is_input
            and name != "region"
            and (
                name in consumed
                or (target is not None and member_of(target, name, name, self._entry.rename))
            )
        }
        for path in self._entry.computed_nested:
            name, inner = path.split(".")
            if isinstance(taken.get(name), dict):
                taken[name].pop(inner, None)
        own = self._own_tags({}, shown.get("tagsAll", {}))
        return without_empty({**taken, **known, "tags": own})

    def _own_tags(self, given: Any, everything: Mapping[str, str]) -> dict[str, str]:
        return {
            key: value
            for key, value in everything.items()
            if key in given or self._default_tags.get(key) != value
        }

    def _id_inputs(self, identifier: str) -> Properties:
        if not isinstance(self._entry.id, IdOf):
            return {}
        names, separator = self._entry.id.names, self._entry.id.separator
        parts = identifier.split(separator, len(names) - 1) if separator else [identifier]
        if len(parts) != len(names):
            wanted = separator.join(f"<{name}>" for name in names)
            raise ApiError("Read", "InvalidId", f"{identifier!r} is not of the form {wanted}")
        return dict(zip(names, parts, strict=True))

    def _shown(self, identifier: str, live: Mapping[str, Any], known: Properties) -> Properties:
        """The live state under Pulumi's names."""
        entry = self._entry
        shown: Properties = {}
        for name, prop in self._shape.fields.items():
            if name in ("tags", "tagsAll") and entry.tags:
                continue
            value = from_api(
                live_member(live, name, name, entry.rename), prop.shape, name, entry.rename
            )
            if value is not OMIT:
                shown[name] = value
        scope = replace(self._scope(known, identifier), live=live)
        for name, template in entry.computed.items():
            if shown.get(name) in (None, "") and (value := fill(template, scope)) is not OMIT:
                shown[name] = value
        shown.update(
            {
                name: value
                for name, value in known.items()
                if name not in shown and name in self._id_inputs(identifier)
            }
        )
        if entry.tags:
            shown["tagsAll"] = read_tags(entry.tags, live)
        if "region" in self._shape.fields:
            shown["region"] = self._cloud.facts["region"]
        return shown

    def _live(self, identifier: str, known: Properties) -> dict[str, Any] | None:
        """All looks merged, in API names; None where the resource is gone."""
        live: dict[str, Any] = {}
        scope = self._scope({**self._id_inputs(identifier), **known}, identifier)
        for look in self._entry.read:
            part = self._look(look, scope.with_live(live))
            if part is None and not look.optional:
                return None
            if part is not None:
                live.update({look.at: part} if look.at else part)
        gone = any(live.get(name) in values for name, values in self._entry.gone_when.items())
        return None if gone else live

    def _look(self, look: Look, scope: Scope) -> Any:
        try:
            params = fill_params(look.params, scope)
            answer = self._cloud.call(self._entry.client, look.operation, params)
        except ApiError as error:
            if error.means_gone:
                return None
            raise
        return at_path(answer, look.path, scope)

    def update(self, identifier: str, old: Properties, new: Properties, changes: Changes) -> Found:
        """Make the calls that the changed inputs need; raises ApiError."""
        live = self._live(identifier, old) or {}
        scope = replace(self._scope(new, identifier), old=old, live=live)
        changed = {change.top for change in changes.changes}
        claimed = {name for step in self._entry.steps for name in step.when}
        free = changed - claimed - set(self._entry.local) - {"tags", "tagsAll", "region"}
        for step in self._entry.steps:
            relevant = free if "*" in step.when else changed & set(step.when)
            if relevant:
                answer = self._call(step, scope)
                scope = replace(scope, answer=answer)
        self._change_tags(identifier, new, scope)
        return self._after(identifier, new)

    def _change_tags(self, identifier: str, new: Properties, scope: Scope) -> None:
        style = self._entry.tags
        if style is None:
            return
        before, after = read_tags(style, scope.live), self.all_tags(new)
        gone = tuple(key for key in before if key not in after)
        changed = {key: value for key, value in after.items() if before.get(key) != value}
        if style.whole and (gone or changed):
            gone, changed = (() if after else gone), after
        if gone:
            self._call(style.remove, replace(scope, tag_keys=gone))
        if changed:
            self._call(style.add, replace(scope, tags=changed))

    def delete(self, identifier: str, inputs: Properties, outputs: Properties) -> None:
        """Delete the resource; one that is gone already is fine. Raises ApiError otherwise."""
        known = {**self._id_inputs(identifier), **outputs, **inputs}
        scope = self._scope(known, identifier)
        for call in self._entry.delete:
            try:
                self._call(call, scope)
            except ApiError as error:
                if not error.means_gone:
                    raise

    def _scope(self, inputs: Properties, identifier: str | None = None) -> Scope:
        return Scope(
            inputs=inputs,
            facts=self._cloud.facts,
            id=identifier,
            tags=self.all_tags(inputs),
            tag_style=self._entry.tags,
        )

    def _call(self, call: Call, scope: Scope, *, with_tags: bool = False) -> dict[str, Any]:
        if call.only_if and not scope.inputs.get(call.only_if):
            return dict(scope.answer)
        if call.unless and scope.inputs.get(call.unless):
            return dict(scope.answer)
        params = fill_params(call.params, scope)
        shape = inputs_shape(self._entry, call, self._cloud)
        if shape is not None:
            taken = self._taken(shape, scope.inputs)
            if call.below:
                params.setdefault(call.below, {}).update(taken)
            else:
                params = {**taken, **params}
        if with_tags and self._entry.tags:
            params |= fill_params(self._entry.tags.create, scope)
        try:
            return self._cloud.call(self._entry.client, call.operation, self._renamed(call, params))
        except ApiError as error:
            if error.code in call.ignores:
                return {}
            raise

    def _taken(self, shape: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs that the call knows by name, in its own words."""
        found = {}
        for name, value in inputs.items():
            if name in (DEFAULTS, "tags", "tagsAll", "region", *self._entry.local):
                continue
            member = member_of(shape, name, name, self._entry.rename)
            if member:
                found[member] = to_api(value, shape.members[member], name, self._entry.rename)
        return found

    def _renamed(self, call: Call, params: dict[str, Any]) -> dict[str, Any]:
        """Objects that the table passed on whole still have Pulumi's member names."""
        model = self._cloud.operation(self._entry.client, call.operation).input_shape
        if model is None:
            return params
        return {
            name: to_api(value, model.members[name], name, self._entry.rename)
            if name in model.members and name != call.below and isinstance(value, Mapping)
            else value
            for name, value in params.items()
        }


def _inputs_only(value: Any, shape: Shape) -> Any:
    """Without the members of objects that a program cannot set."""
    if shape.kind == "object" and isinstance(value, Mapping):
        return {
            name: _inputs_only(inner, shape.fields[name].shape)
            for name, inner in value.items()
            if shape.fields[name].is_input
        }
    if shape.kind == "list" and shape.item and isinstance(value, list):
        return [_inputs_only(item, shape.item) for item in value]
    return value
