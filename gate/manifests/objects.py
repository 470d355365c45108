"""Kubernetes objects out of YAML documents, with the names that policies and waivers know.

Type tokens are those of pulumi-kubernetes (`kubernetes:<group/version>:<Kind>`; the core group,
which has no name in an apiVersion, is `core`), so a rule means the same object on both ways.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gate.manifests.files import Document
from gate.manifests.problem import ManifestError
from gate.manifests.yaml_values import Lined, YamlError, load

_API_VERSION = re.compile(r"(?:[a-z0-9][a-z0-9.-]*/)?[a-z0-9]+")
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9]*")
# What Kubernetes takes for a part of a path, and so for a name of any kind.
_NAME = re.compile(r"[^\s/%]+")
_URN = "urn:pulumi:manifests::moe-serving::"
_TEMPLATED = "{{"
_RENDER = (
    "a template that nobody has rendered; pipe what `helm template` prints into"
    " `moe check manifests -`"
)
_KUSTOMIZE = re.compile(r"kustomize\.config\.k8s\.io/.*")
_KUSTOMIZATION = (
    "an input of kustomize, whose patches are no whole objects; pipe what `kustomize build`"
    " prints into `moe check manifests -`"
)


@dataclass(frozen=True, slots=True)
class Object:
    """One object as a policy sees a resource; `line` is the first of its map in `file`.

    `name` is `namespace/name`, or `name` where it has no namespace. `urn` ends in it too, but for
    two colons in a row, as roles may have, which would end the URN before. `first_line` is that of
    its document, from which the lines of its parts count.
    """

    type: str
    name: str
    urn: str
    props: Lined
    file: str
    line: int
    first_line: int
    source: str


@dataclass
class Objects:
    """All objects of an input, and what else was read on the way."""

    found: list[Object] = field(default_factory=list)
    files: set[str] = field(default_factory=set)
    others: list[str] = field(default_factory=list)
    """Documents of folders that are no Kubernetes objects, as `file:line`."""
    _urns: set[str] = field(default_factory=set)

    def add(self, document: Document) -> None:
        """Raises ManifestError."""
        self.files.add(document.file)
        value = _loaded(document)
        if value is None:
            return
        if _is_other(value) and document.is_found:
            self.others.append(f"{document.file}:{document.line}")
            return
        for each, api_version, kind in _flattened(value, document):
            self._add(each, api_version, kind, document)

    def _add(self, props: Lined, api_version: str, kind: str, document: Document) -> None:
        line = document.line + props.line - 1
        name = _name(props, document, line)
        token = type_token(api_version, kind)
        ending = f"{token}::{name.replace('::', ':%3A')}"
        urn = f"{_URN}{ending}"
        if urn in self._urns:
            # As a child of its place, so that the same waiver fits it, and both are told apart.
            urn = f"{_URN}{len(self._urns)}${ending}"
        self._urns.add(urn)
        self.found.append(
            Object(token, name, urn, props, document.file, line, document.line, document.source)
        )


def read(documents: Iterable[Document]) -> Objects:
    """Raises ManifestError."""
    objects = Objects()
    for document in documents:
        objects.add(document)
    return objects


def type_token(api_version: str, kind: str) -> str:
    return f"kubernetes:{api_version if '/' in api_version else f'core/{api_version}'}:{kind}"


def _loaded(document: Document) -> Any:
    try:
        return load(document.text)
    except YamlError as error:
        why = error.why
        if _TEMPLATED in document.text:
            why = f"{_RENDER} ({why})"
        raise _error(document, why, document.line + error.line - 1) from None


def _is_other(value: Any) -> bool:
    """Whether it does not even look like an object, as a file of values does not."""
    return not isinstance(value, Lined) or not {"apiVersion", "kind"} & value.keys()


def _flattened(value: Any, document: Document) -> Iterator[tuple[Lined, str, str]]:
    """The object, or those of a list, with apiVersion and kind."""
    waiting: list[tuple[Any, int, Mapping[str, str]]] = [(value, 1, {})]
    while waiting:
        each, near, of_list = waiting.pop()
        if not isinstance(each, Lined):
            raise _error(document, "no map, so no Kubernetes object", document.line + near - 1)
        line = document.line + each.line - 1
        api_version = _word(each, "apiVersion", _API_VERSION, of_list, document, line)
        kind = _word(each, "kind", _KIND, of_list, document, line)
        if _KUSTOMIZE.fullmatch(api_version):
            raise _error(document, f"kind {kind} is {_KUSTOMIZATION}", line)
        items = each.get("items")
        if not (kind.endswith("List") and isinstance(items, list)):
            yield each, api_version, kind
            continue
        # In a list of one kind, the items need not say it again.
        kind = kind.removesuffix("List")
        given = {"apiVersion": api_version, "kind": kind} if kind else {}
        waiting += [(item, each.line, given) for item in reversed(items)]


def _word(
    value: Lined,
    key: str,
    allowed: re.Pattern[str],
    default: Mapping[str, str],
    document: Document,
    line: int,
) -> str:
    found = value.get(key, default.get(key))
    if isinstance(found, str) and allowed.fullmatch(found):
        return found
    if isinstance(found, str) and _TEMPLATED in found:
        raise _error(document, f"{key} {found[:80]!r}: {_RENDER}", line)
    if document.file.endswith("kustomization.yaml"):
        raise _error(document, _KUSTOMIZATION, line)
    if document.file.endswith("Chart.yaml"):
        raise _error(document, f"a Helm chart: {_RENDER}", line)
    said = "no" if found is None else f"{str(found)[:80]!r} for"
    raise _error(document, f"{said} {key}, so no Kubernetes object", line)


def _name(props: Lined, document: Document, line: int) -> str:
    metadata = props.get("metadata")
    given = metadata if isinstance(metadata, Lined) else {}
    parts = []
    for key in ("namespace", "name"):
        found = given.get(key)
        if found is None and key == "name":
            # Files of settings, such as a kubeconfig, look like objects and have no name.
            found = given.get("generateName") or f"document-{document.number}"
        if found is None:
            continue
        if not isinstance(found, str) or not _NAME.fullmatch(found):
            shown = f"metadata.{key} {str(found)[:80]!r}"
            if _TEMPLATED in str(found):
                raise _error(document, f"{shown}: {_RENDER}", line)
            raise _error(document, f"{shown}, which Kubernetes does not allow", line)
        parts.append(found)
    return "/".join(parts)


def _error(document: Document, why: str, line: int) -> ManifestError:
    return ManifestError(document.file, why, document=document.number, line=line)
