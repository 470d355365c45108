"""Statements of IAM policy documents, which resources carry as JSON text."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policies.aws.conditions import Condition, conditions
from policies.reading import child, elements, known, one_or_more, shown
from policies.review import Place, Review, UnreadableError


@dataclass(frozen=True, slots=True)
class Statement:
    """One that allows something; `fields` have their names in lower case, as IAM reads them."""

    place: Place
    fields: Mapping[str, Any]

    def texts(self, name: str) -> list[str]:
        """A field that is one text or a list of them; raises UnreadableError for anything else."""
        return _texts(self.fields.get(name), name)

    def principals(self, kind: str) -> list[str]:
        """Principals of one kind, such as aws or federated; a bare `*` is of kind aws."""
        given = self.fields.get("principal")
        if not isinstance(given, Mapping):
            return _texts(given, "principal") if kind == "aws" else []
        return [
            principal
            for name in given
            if name.lower() == kind
            for principal in _texts(child(given, name), f"principal {name}")
        ]

    def is_for_everybody(self) -> bool:
        """Whether its principals are all there are, and no condition leaves some of them out."""
        if "notprincipal" in self.fields:
            return True
        everybody = any("*" in self.principals(kind) for kind in ("aws", "federated", "service"))
        return everybody and not any(each.names_callers() for each in self.conditions())

    def conditions(self) -> Iterator[Condition]:
        return conditions(self.fields.get("condition"))

    def is_narrowed(self) -> bool:
        """Whether a condition says on what or for whom, and not with any value at all."""
        return any(each.says_on_what() for each in self.conditions())


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
