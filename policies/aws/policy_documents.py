"""Statements of IAM policy documents, which resources carry as JSON text."""

import json
from collections.abc import Iterator, Mapping, Sequence
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
_ANYTHING = ("", "0.0.0.0/0", "::/0")


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
        return everybody and not self.is_narrowed()

    def conditions(self) -> Iterator[tuple[str, list[str]]]:
        """Key, in lower case, and values of each condition that only these values meet."""
        given = self.fields.get("condition")
        for operator in given if isinstance(given, Mapping) else ():
            tests = child(given, operator)
            for key in tests if isinstance(tests, Mapping) else ():
                values = [shown(known(each)) for each in one_or_more(child(tests, key))]
                if _leaves_out(operator, values):
                    yield key.lower(), values

    def is_narrowed(self) -> bool:
        """Whether a condition says on what or for whom, and not with any value at all."""
        return any(key not in _OPEN_CONDITIONS for key, _ in self.conditions())


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


def _leaves_out(operator: str, values: Sequence[str]) -> bool:
    """Whether the condition holds for these values alone, and never where its key is missing."""
    test = operator.lower().removeprefix("foranyvalue:")
    if test.startswith("forallvalues:") or test.endswith("ifexists") or "not" in test:
        return False
    if test in ("null", "bool"):
        # The key is there; what it says is true.
        return [value.lower() for value in values] == ["false" if test == "null" else "true"]
    return bool(values) and not any(value.strip("*?") in _ANYTHING for value in values)


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
