"""Statements of IAM policy documents, which resources carry as JSON text."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policies.reading import child, elements, known, one_or_more, shown
from policies.review import Place, Review, UnreadableError

_OPEN_CONDITIONS = frozenset(
    {
        *("aws:currenttime", "aws:epochtime", "aws:multifactorauthage"),
        *("aws:multifactorauthpresent", "aws:requestedregion", "aws:securetransport"),
        *("aws:referer", "aws:useragent", "s3:signatureversion", "sts:externalid"),
    }
)
"""Keys of conditions that anybody can meet, or that say when and how, not who and what."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One that allows something; `fields` have their names in lower case, as IAM reads them."""

    place: Place
    fields: Mapping[str, Any]

    def texts(self, name: str) -> list[str]:
        """A field that is one text or a list of them; raises UnreadableError for anything else."""
        value = self.fields.get(name)
        if value is None:
            return []
        return _texts(value, name)

    def principals(self, kind: str) -> list[str]:
        """Principals of one kind, such as AWS or Federated; `*` is of kind AWS."""
        given = self.fields.get("principal")
        if isinstance(given, str):
            return [given] if kind == "AWS" else []
        value = child(given, kind)
        return [] if value is None else _texts(value, f"principal {kind}")

    def conditions(self) -> Iterator[tuple[str, list[str]]]:
        """Key, in lower case, and values of each condition."""
        given = self.fields.get("condition")
        if not isinstance(given, Mapping):
            return
        for operator in given:
            tests = child(given, operator)
            if isinstance(tests, Mapping):
                for key in tests:
                    value = child(tests, key)
                    yield key.lower(), [shown(each) for each in one_or_more(value)]

    def is_narrowed(self) -> bool:
        """Whether a condition says on what or for whom, and not with any value at all."""
        return any(
            key not in _OPEN_CONDITIONS and any(value.strip("*?") for value in values)
            for key, values in self.conditions()
        )


def allowing(review: Review, place: Place, document: Any) -> Iterator[Statement]:
    """Statements of `document` that allow something; one that cannot be read is refused."""
    if document in (None, ""):
        return
    try:
        given = json.loads(document) if isinstance(document, str) else document
    except (ValueError, RecursionError) as error:
        _refuse(review, place, f"a document that is no JSON ({error})")
        return
    statements = child(given, "Statement")
    if isinstance(statements, Mapping):
        statements = [statements]
    if not elements(statements):
        _refuse(review, place, f"Statement {shown(statements)}")
        return
    for index, statement in enumerate(elements(statements)):
        here = place.inside(f"statement {index}")
        with review.reading(here):
            if not isinstance(known(statement), Mapping):
                _refuse(review, here, shown(statement))
            elif child(statement, "Effect") != "Deny":
                yield Statement(here, {key.lower(): child(statement, key) for key in statement})


def _refuse(review: Review, place: Place, found: str) -> None:
    review.refuse(
        place,
        found=found,
        allowed="a policy document of IAM",
        fix="write it with json.dumps, or pulumi.Output.json_dumps",
    )


def _texts(value: Any, name: str) -> list[str]:
    found = [known(each) for each in one_or_more(value)]
    if not all(isinstance(each, str) for each in found):
        raise UnreadableError(f"{name} {shown(value)} is neither text nor a list of texts")
    return found
