"""Remedies: what a policy mends of a resource, instead of refusing it.

A policy reads properties as its `validate` does, through proxies that know what is unknown or
secret, and says which places get which value. They are set in the engine's own properties, where
everything else stays as it came, and a secret stays one: the Kubernetes provider makes a list
secret as a whole where one element is. A remedy that would have to pass through something unknown
or to replace a secret, or that fails, changes nothing: `validate` then says what is wrong.
"""

import copy
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

from pulumi_policy import ResourceRemediation, ResourceValidationArgs
from pulumi_policy.deserialize import SPECIAL_SECRET_SIG, SPECIAL_SIG_KEY, deserialize_properties
from pulumi_policy.proxy import unknown_checking_proxy

from policies.declared import remember
from policies.kubernetes.workloads import Path, is_workload
from policies.review import Resource, Review, resource

Edit = tuple[Path, Any]
"""Where, and the value there. An index just behind the end of a list adds to it; maps and lists
that are missing on the way are made."""


class _BlockedError(Exception):
    """Something on the way is not known, or neither a map nor a list; or a secret is the end."""


def of_workload(find: Callable[[Review, Resource], Iterable[Edit]]) -> ResourceRemediation:
    """The `remediate` of a policy on workloads.

    It gives the changed properties, or None where there is nothing to mend.
    """

    # The SDK's type is a coroutine's; its server and ours take plain properties too.
    def remediate(args: ResourceValidationArgs) -> Any:
        if not is_workload(resource(args)):
            return None
        try:
            return _mended(args, find)
        # Whatever it is, `validate` meets it too, and refuses.
        except Exception:
            return None

    return remediate


def _mended(
    args: ResourceValidationArgs, find: Callable[[Review, Resource], Iterable[Edit]]
) -> dict[str, Any] | None:
    props = unknown_checking_proxy(deserialize_properties(dict(args.props)))
    subject = Resource(args.resource_type, args.name, args.urn, props)
    remember(subject)
    edits = list(find(Review(_say_nothing), subject))
    if not edits:
        return None
    mended = copy.deepcopy(dict(args.props))
    for path, value in edits:
        _put(mended, path, value)
    return mended


def _put(props: dict[str, Any], path: Path, value: Any) -> None:
    at: Any = props
    for key, following in pairwise(path):
        missing: Any = [] if isinstance(following, int) else {}
        if _at(at, key) is None:
            _set(at, key, missing)
        at = _inside(_at(at, key))
    if _is_marked(_at(at, path[-1])):
        raise _BlockedError(path)
    _set(at, path[-1], value)


def _at(holder: Any, key: str | int) -> Any:
    if isinstance(holder, list) and isinstance(key, int):
        return holder[key] if key < len(holder) else None
    if isinstance(holder, dict) and isinstance(key, str) and not _is_marked(holder):
        return holder.get(key)
    raise _BlockedError(key)


def _set(holder: Any, key: str | int, value: Any) -> None:
    if isinstance(holder, list) and key == len(holder):
        holder.append(value)
    else:
        holder[key] = value


def _is_marked(value: Any) -> bool:
    """A secret, or an asset, as the engine marks it."""
    return isinstance(value, dict) and SPECIAL_SIG_KEY in value


def _inside(value: Any) -> Any:
    """What a secret holds; anything else is itself."""
    while _is_marked(value) and value[SPECIAL_SIG_KEY] == SPECIAL_SECRET_SIG:
        value = value.get("value")
    return value


def _say_nothing(message: str, urn: str | None = None) -> None:
    """What is wrong is for `validate` to say."""
