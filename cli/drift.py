"""`moe drift`: what somebody changed past Pulumi, by a real refresh that writes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console

from cli import exit_codes
from cli.answer import CommandError, answering, print_json, say_error
from cli.sheet import Sheet, show_sheet
from cli.stack_names import known
from durable.places import PACKAGE_ROOT
from promotion.drift import Drift, DriftOutcome, PropertyDrift, ResourceDrift, drift_of
from promotion.drift_words import kind_of, shortened
from promotion.property_path import ABSENT
from promotion.pulumi_stack import PulumiStack
from sandbox.reporter import reporting
from stacks import reading

ALL = "all"
_NOTHING = "-"
_FINE = (DriftOutcome.NONE, DriftOutcome.NEVER_DEPLOYED)
EPILOG = (
    "Example: .venv/bin/moe drift all --json | jq '.stacks[] | {stack, outcome}'\n\n"
    "Exit codes: 0 no drift, 1 error (a stack that could not be compared is one, whatever the"
    " others are), 2 drift, 3 nothing is deployed."
)
_COLUMNS = ("stack", "outcome", "resource", "property", "now", "recorded")


def drift(
    stack: Annotated[
        list[str] | None,
        typer.Argument(
            help=f"Stacks that have a file in stacks/; `{ALL}` for each.", show_default=False
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on standard output.")
    ] = False,
) -> None:
    """Compare stacks with what Pulumi recorded of them: who changed what past Pulumi.

    Uses your own pulumi and its login. Reads only.
    """
    with answering(as_json, {"stacks": []}):
        found = []
        with reporting() as reporter:
            for name in _asked(stack or []):
                reporter.step(f"{name}: pulumi refresh --preview-only")
                found.append(drift_of(PulumiStack.of(name, PACKAGE_ROOT)))
                tell = reporter.done if found[-1].outcome in _FINE else reporter.warn
                tell(f"{name}: {found[-1].outcome}")
        errors = [f"{each.stack}: {each.reason}" for each in found if each.reason]
        if as_json:
            document = {"stacks": list(map(_document, found)), "problems": []}
            print_json({**document, "error": "\n".join(errors) or None})
        else:
            show_sheet(Console(highlight=False), Sheet("Drift", _COLUMNS, list(_rows(found))))
            for error in errors:
                say_error(error)
        if code := _exit_code({each.outcome for each in found}):
            raise typer.Exit(code)


def _asked(names: Sequence[str]) -> list[str]:
    if not names:
        raise CommandError(
            f"no stack named; allowed: {ALL}, or any of {', '.join(reading.stack_names())}"
        )
    return reading.stack_names() if ALL in names else known(names)


def _exit_code(outcomes: set[DriftOutcome]) -> int:
    if DriftOutcome.ERROR in outcomes:
        return exit_codes.ERROR
    if DriftOutcome.DRIFTED in outcomes:
        return exit_codes.REFUSED
    return exit_codes.DONE if DriftOutcome.NONE in outcomes else exit_codes.NOTHING_TO_DO


def _rows(found: Sequence[Drift]) -> Iterator[Sequence[str]]:
    for each in found:
        if not each.changes:
            yield (each.stack, each.outcome.value, *[_NOTHING] * 4)
        for resource in each.changes:
            about = (each.stack, each.outcome.value, f"{kind_of(resource)} {resource.name}")
            if not resource.properties:
                now = "gone" if resource.is_gone else resource.operation
                yield (*about, _NOTHING, now, _NOTHING)
            for change in resource.properties:
                recorded, now = shortened(change)
                yield (*about, change.path, now, recorded)


def _document(found: Drift) -> Mapping[str, Any]:
    return {
        "stack": found.stack,
        "outcome": found.outcome.value,
        "reason": found.reason,
        "resources": found.resources,
        "changes": list(map(_of_resource, found.changes)),
    }


def _of_resource(resource: ResourceDrift) -> Mapping[str, Any]:
    return {
        "name": resource.name,
        "type": resource.type,
        "urn": resource.urn,
        "operation": resource.operation,
        "properties": list(map(_of_property, resource.properties)),
    }


def _of_property(change: PropertyDrift) -> Mapping[str, Any]:
    """`kind` tells a value null from one that is not there: add has nothing recorded."""
    recorded, now = (None if v is ABSENT else v for v in (change.recorded, change.now))
    return {"path": change.path, "kind": change.kind, "recorded": recorded, "now": now}


app = typer.Typer(add_completion=False)
app.command(epilog=EPILOG)(drift)
