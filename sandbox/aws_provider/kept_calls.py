"""Answering, in the AWS API's own terms, the calls that moto does not have.

`KeptThings` holds whole kinds of things, `KeptMembersLayer` the members that moto drops or makes
up on things that it does hold. What they hold is in the table (`table/kept.py`).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.aws_provider.cloud import ApiError, Cloud, Layer
from sandbox.aws_provider.convert import timestamp
from sandbox.aws_provider.kept_store import KeptStore, thing_name
from sandbox.aws_provider.table import KEPT_KINDS, KEPT_MEMBERS
from sandbox.aws_provider.table.model import KeptKind, KeptMembers
from sandbox.aws_provider.templates import Scope, at_path, fill_params

_TAG_CALLS = {
    (client, operation)
    for client in ("eks", "fsx")
    for operation in ("tag_resource", "untag_resource")
}


def _now() -> str:
    return timestamp(datetime.now(UTC))


class KeptThings(Layer):
    """Add-ons, access entries, file systems, ...: made, read, changed and ended here."""

    def __init__(self, store: KeptStore) -> None:
        self._store = store
        self._calls = {
            (kind.client, name): kind
            for kind in KEPT_KINDS
            for name in (kind.create, kind.read, kind.update, kind.delete, _list_call(kind))
            if name
        }

    def serves(self, client: str, operation: str, params: Mapping[str, Any]) -> bool:
        return (client, operation) in self._calls

    def after(
        self,
        cloud: Cloud,
        client: str,
        operation: str,
        params: Mapping[str, Any],
        answer: dict[str, Any],
    ) -> dict[str, Any]:
        if (client, operation) == ("eks", "delete_cluster"):
            self._forget_cluster(str(params["name"]))
        return answer

    def answer(
        self, cloud: Cloud, client: str, operation: str, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        kind = self._calls[(client, operation)]
        scope = Scope(inputs=params, facts=cloud.facts)
        given: dict[str, Any] = {}
        for need in kind.needs:
            if wanted := fill_params(need.params, scope):
                found = cloud.call(need.client or client, need.operation, wanted)
                given |= {name: at_path(found, path, scope) for name, path in need.gives.items()}
        if operation == kind.create:
            return self._create(kind, cloud, {**params, **given})
        if operation in (kind.read, _list_call(kind)):
            return self._read(kind, operation, params)
        thing = self._find(kind, operation, params)
        name = thing_name(kind.human, _key(kind, thing))
        with self._store.change() as content:
            if operation == kind.delete:
                del content["things"][name]
                return {kind.root: thing} if kind.root else {}
            changed = {
                k: v for k, v in params.items() if k not in kind.key and k != "resolveConflicts"
            }
            thing = {**_merged(thing, changed), **dict.fromkeys(kind.times[1:], _now())}
            content["things"][name] = thing
        return {kind.root: thing} if kind.root else {}

    def _create(self, kind: KeptKind, cloud: Cloud, params: Mapping[str, Any]) -> dict[str, Any]:
        thing = {name: value for name, value in params.items() if name != "resolveConflicts"}
        words = {**cloud.facts, **thing, "uuid": str(uuid.uuid4()), "hex": uuid.uuid4().hex[:17]}
        thing = _merged(_formatted(kind.defaults, words), thing)
        for member, pattern in kind.derived.items():
            words[member] = _formatted(pattern, words)
            thing = _merged(thing, {member: words[member]})
        thing |= dict.fromkeys(kind.times, _now())
        name = thing_name(kind.human, _key(kind, thing))
        with self._store.change() as content:
            if name in content["things"]:
                raise ApiError(kind.create, kind.exists, f"{name} already exists")
            content["things"][name] = thing
        return {kind.root: thing} if kind.root else {}

    def _read(self, kind: KeptKind, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        if kind.list_key and kind.list_key in params:
            wanted = [
                self._find(kind, operation, {kind.key[-1]: name}) for name in params[kind.list_key]
            ]
        elif kind.list_root or operation == _list_call(kind):
            wanted = self._matching(kind, params)
        else:
            return {str(kind.root): self._find(kind, operation, params)}
        return {kind.list_root or f"{kind.root}s": wanted}

    def _matching(self, kind: KeptKind, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [
            thing
            for thing in self._store.things(kind.human)
            if all(thing[name] == value for name, value in params.items() if name in thing)
        ]

    def _find(self, kind: KeptKind, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        told = {name: value for name, value in params.items() if name in _tells(kind)}
        found = self._matching(kind, told)
        if not found:
            what = ", ".join(str(value) for value in told.values())
            raise ApiError(operation, kind.missing, f"no {kind.human.removesuffix('s')} {what}")
        return found[0]

    def _forget_cluster(self, cluster: str) -> None:
        with self._store.change() as content:
            content["things"] = {
                name: thing
                for name, thing in content["things"].items()
                if thing.get("clusterName") != cluster
            }


class KeptTags(Layer):
    """Tags on what the stand-in keeps, and on node groups, whose tags moto does not change."""

    def __init__(self, store: KeptStore) -> None:
        self._store = store
        self._arns = {kind.human: kind.arn for kind in KEPT_KINDS if kind.arn}
        self._arns |= {entry.human: entry.arn for entry in KEPT_MEMBERS}

    def serves(self, client: str, operation: str, params: Mapping[str, Any]) -> bool:
        return (client, operation) in _TAG_CALLS and self._name(params) is not None

    def _name(self, params: Mapping[str, Any]) -> str | None:
        wanted = params.get("resourceArn") or params["ResourceARN"]
        for name, thing in self._store.read()["things"].items():
            member = next(
                (arn for human, arn in self._arns.items() if name.startswith(human)), None
            )
            # moto changes the tags of clusters itself.
            if (
                member
                and thing.get(member) == wanted
                and not name.startswith("EKS cluster settings")
            ):
                return str(name)
        return None

    def answer(
        self, cloud: Cloud, client: str, operation: str, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        name = self._name(params)
        with self._store.change() as content:
            thing = content["things"][name]
            member = "Tags" if client == "fsx" else "tags"
            tags = {**_tag_map(thing.get(member, {})), **_tag_map(params.get(member, {}))}
            for key in params.get("TagKeys") or params.get("tagKeys") or ():
                tags.pop(key, None)
            thing[member] = tags if client == "eks" else _tag_pairs(tags)
        return {}


class KeptMembersLayer(Layer):
    """Puts back into moto's answers what moto dropped, and takes out what moto made up."""

    def __init__(self, store: KeptStore) -> None:
        self._store = store
        self._calls: dict[tuple[str, str], KeptMembers] = {}
        for entry in KEPT_MEMBERS:
            for name in (entry.create, entry.read, entry.delete, *entry.updates):
                self._calls[(entry.client, name)] = entry

    def serves(self, client: str, operation: str, params: Mapping[str, Any]) -> bool:
        entry = self._calls.get((client, operation))
        return entry is not None and operation in entry.absent

    def answer(
        self, cloud: Cloud, client: str, operation: str, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        entry = self._calls[(client, operation)]
        # The thing must be there; moto's error for one that is not is the right one.
        cloud.call(client, entry.read, {name: params[name] for name in entry.key})
        return {"update": {"status": "Successful", "type": "VersionUpdate"}}

    def after(
        self,
        cloud: Cloud,
        client: str,
        operation: str,
        params: Mapping[str, Any],
        answer: dict[str, Any],
    ) -> dict[str, Any]:
        entry = self._calls.get((client, operation))
        if entry is None:
            return answer
        name = thing_name(entry.human, tuple(str(params[key]) for key in entry.key))
        if operation == entry.delete:
            with self._store.change() as content:
                content["things"].pop(name, None)
            return answer
        if operation == entry.create or operation in entry.updates:
            with self._store.change() as content:
                kept = {} if operation == entry.create else content["things"].get(name, {})
                content["things"][name] = self._changed(entry, operation, kept, params, answer)
        if operation == entry.read or operation == entry.create:
            return {entry.root: self._completed(entry, name, answer[entry.root])}
        return answer

    def _changed(
        self,
        entry: KeptMembers,
        operation: str,
        kept: dict[str, Any],
        params: Mapping[str, Any],
        answer: Mapping[str, Any],
    ) -> dict[str, Any]:
        told = {
            name: value for name, value in params.items() if name in (*entry.members, *entry.key)
        }
        if operation == entry.create:
            told[entry.arn] = answer[entry.root][entry.arn]
        return _merged(kept, told)

    def _completed(
        self, entry: KeptMembers, name: str, answer: Mapping[str, Any]
    ) -> dict[str, Any]:
        kept = self._store.read()["things"].get(name)
        if kept is None:
            return dict(answer)
        plain = {key: value for key, value in answer.items() if key not in entry.members}
        return {**plain, **{key: kept[key] for key in entry.members if key in kept}}


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The old members with the new ones; those of an object are changed one by one."""
    return {
        **old,
        **{
            name: {**old[name], **value}
            if isinstance(value, Mapping) and isinstance(old.get(name), Mapping)
            else value
            for name, value in new.items()
        },
    }


def _formatted(pattern: Any, words: Mapping[str, Any]) -> Any:
    """The pattern with its {words}, at any depth."""
    if isinstance(pattern, Mapping):
        return {name: _formatted(inner, words) for name, inner in pattern.items()}
    if isinstance(pattern, list):
        return [_formatted(inner, words) for inner in pattern]
    return pattern.format_map(words) if isinstance(pattern, str) else pattern


def _tag_map(tags: Any) -> dict[str, str]:
    return (
        dict(tags) if isinstance(tags, Mapping) else {pair["Key"]: pair["Value"] for pair in tags}
    )


def _tag_pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _key(kind: KeptKind, thing: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(thing[name]) for name in kind.key)


def _tells(kind: KeptKind) -> set[str]:
    """The parameters by which a call says which thing it means."""
    return {*kind.key, *(name for name in kind.derived if name.endswith("Id"))}


def _list_call(kind: KeptKind) -> str | None:
    """The call that lists a kind which is read by its id; others are found by their key."""
    if kind.read.startswith("describe_") and "associationId" in kind.derived:
        return kind.read.replace("describe_", "list_") + "s"
    return None


def kept_by_stand_in() -> list[str]:
    """What the stand-in keeps because moto cannot, in words, for `moe sandbox status`."""
    return [*(kind.human for kind in KEPT_KINDS), *(entry.human for entry in KEPT_MEMBERS)]
