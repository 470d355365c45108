"""What a policy says: refusals, and what it could not check.

A policy that meets an unknown reads on. At its end it raises CouldNotCheckError with a
note for each thing that it could not check, of which `policies/pack.py` makes findings: so an
unknown neither fails a preview nor passes in silence, and a gate can refuse it. The error is
a kind of UnknownValueError, so that the SDK's own server (pulumi_policy/policy.py) would not
lose the refusals beside it either. An error inside a policy is a refusal: a rule that cannot
be applied must not let anything through.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from pulumi_policy import (
    PolicyResource,
    ReportViolation,
    ResourceValidation,
    ResourceValidationArgs,
    StackValidation,
    StackValidationArgs,
)
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError

from policies.declared import remember
from policies.memo import once, one_analysis

Config = Mapping[str, Any]
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was found, in words, and the resource that it belongs to."""

    text: str
    urn: str

    def inside(self, part: str) -> "Place":
        return replace(self, text=f"{self.text}, {part}")


@dataclass(frozen=True, slots=True)
class Resource:
    """What both kinds of policy know about a resource."""

    type: str
    name: str
    urn: str
    props: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The last part of the type token: Deployment, LaunchTemplate."""
        return self.type.rsplit(":", 1)[-1]

    @property
    def place(self) -> Place:
        return Place(f'{self.kind} "{self.name}"', self.urn)


def resource(given: ResourceValidationArgs | PolicyResource) -> Resource:
    return _resource(given.resource_type, given.name, given.urn, given.props)


_resource = once(Resource)


class UnreadableError(Exception):
    """A value that is there but cannot be judged, such as a variable of the shell."""


@dataclass(frozen=True, slots=True)
class Unchecked:
    """One thing that could not be checked."""

    place: Place
    why: str

    def __str__(self) -> str:
        return f"{self.place.text}: {self.why}"


class CouldNotCheckError(UnknownValueError):
    """Names everything that one run of a policy could not check."""

    def __init__(self, unchecked: list[Unchecked]) -> None:
        super().__init__(UNKNOWN_STRING_VALUE, [])
        self.unchecked = unchecked
        self.message = f"could not check {'; '.join(map(str, unchecked))}"


class Review:
    """Collects what one run of a policy finds."""

    def __init__(self, report: ReportViolation) -> None:
        self._report = report
        self._unchecked: dict[Unchecked, None] = {}

    def refuse(self, place: Place, *, found: str, allowed: str, fix: str) -> None:
        """A violation; of an advisory policy it is advice."""
        self._report(f"{place.text}: found {found}; allowed: {allowed}; fix: {fix}", place.urn)

    def could_not_check(self, place: Place, why: str) -> None:
        """Said once, however many checks stumble over it."""
        self._unchecked[Unchecked(place, why)] = None

    @property
    def unchecked(self) -> list[Unchecked]:
        return list(self._unchecked)

    def has_no_properties(self, place: Place) -> None:
        """As of every resource whose provider is not configured yet."""
        self.could_not_check(place, "the engine gave none of its properties")

    @contextmanager
    def reading(self, place: Place) -> Iterator[None]:
        """One check: what it cannot read ends it, is noted, and ends no other check."""
        try:
            yield
        except UnknownValueError as error:
            self.could_not_check(place, error.message)
        except UnreadableError as error:
            self.could_not_check(place, str(error))

    def finish(self) -> None:
        if self._unchecked:
            raise CouldNotCheckError(self.unchecked)


def noted_once(
    walk: Callable[Concatenate[Review, P], Iterable[T]],
) -> Callable[Concatenate[Review, P], Sequence[T]]:
    """`walk`, done once an analysis; each policy that asks notes what it could not check."""

    def walked(*args: P.args, **kwargs: P.kwargs) -> tuple[Sequence[T], Sequence[Unchecked]]:
        notes = Review(_reports_nothing)
        return tuple(walk(notes, *args, **kwargs)), notes.unchecked

    walked_once = once(walked)

    @wraps(walk)
    def walks(review: Review, /, *args: P.args, **kwargs: P.kwargs) -> Sequence[T]:
        found, unchecked = walked_once(*args, **kwargs)
        for each in unchecked:
            review.could_not_check(each.place, each.why)
        return found

    return walks


def _reports_nothing(message: str, urn: str | None = None) -> None:
    raise AssertionError(f"who walks for several policies refuses nothing: {message}")


def _review(report: ReportViolation, place: Place, check: Callable[[Review], None]) -> None:
    review = Review(report)
    try:
        check(review)
    except UnknownValueError as error:
        review.could_not_check(place, error.message)
    except UnreadableError as error:
        review.could_not_check(place, str(error))
    except Exception as error:
        review.refuse(
            place,
            found=f"properties at which the policy itself failed ({type(error).__name__}: {error})",
            allowed="properties that the policy can judge",
            fix="correct them, and report the error to the owners of the pack",
        )
    review.finish()


def of_resource(check: Callable[[Review, Resource, Config], None]) -> ResourceValidation:
    """The `validate` of a policy that sees one resource at a time."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        subject = resource(args)
        remember(subject)
        _review(report, subject.place, lambda review: check(review, subject, args.get_config()))

    return validate


def of_stack(check: Callable[[Review, Sequence[PolicyResource], Config], None]) -> StackValidation:
    """The `validate` of a policy that sees all resources of the stack at once."""

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        place = Place("the stack", "")
        with one_analysis():
            _review(report, place, lambda review: check(review, args.resources, args.get_config()))

    return validate
