"""`moe sandbox scene`: a scene for Prometheus in the sandbox, and the alerts that it brings."""

import difflib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from itertools import groupby
from typing import Annotated, Any

import typer
from rich.console import Console

from cli import exit_codes
from cli.answer import CommandError, answering, print_json
from cli.sheet import Sheet, show_sheet
from sandbox import lifecycle
from sandbox.lifecycle import Sandbox
from sandbox.monitoring import present
from sandbox.monitoring.present import Monitoring, PresentAlert
from sandbox.monitoring.scenes import SCENES, Scene

EPILOG = "Example: .venv/bin/moe sandbox scene kv-full"
_NOTHING: dict[str, Any] = {
    "error": None,
    "problems": [],
    "url": None,
    "speed": None,
    "scene": None,
    "elapsed_s": None,
    "expected_alerts": [],
    "alerts": [],
}


def scene(
    name: Annotated[
        str | None, typer.Argument(help=f"One of {', '.join(SCENES)}.", show_default=False)
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on standard output.")
    ] = False,
) -> None:
    """Play a scene to Prometheus in the sandbox; without a name, show what it brought so far."""
    with answering(as_json, _NOTHING):
        wanted = None if name is None else _scene(name)
        sandbox = lifecycle.attach()
        if sandbox is None or sandbox.prometheus_speed is None:
            raise CommandError(
                "Prometheus does not run in the sandbox; `make up PROMETHEUS=1` starts it"
            )
        found, is_new = _played(sandbox, wanted)
        if as_json:
            print_json(_document(found))
        else:
            show_monitoring(Console(highlight=False), found)
        if wanted is not None and not is_new:
            raise typer.Exit(exit_codes.NOTHING_TO_DO)


def show_monitoring(console: Console, found: Monitoring) -> None:
    """The scene, what it has to bring, and what it has brought."""
    played = SCENES[found.scene]
    rows = [
        ("address", f"{found.url}/api/v1/alerts"),
        ("scene", f"{played.name}: {played.summary}"),
        ("for", f"{found.elapsed_s / 60:.1f} min of its own time, {found.speed} x ours"),
        ("brings", ", ".join(sorted(played.alerts.intersection(found.deployed))) or "no alert"),
    ]
    if others := sorted(played.alerts.difference(found.deployed)):
        # docs/how-to/alerts.md says what brings which group.
        rows.append(("brings elsewhere", f"{', '.join(others)}: this stack has no such alert"))
    show_sheet(console, Sheet("Prometheus", ("what", "value"), rows))
    show_sheet(
        console,
        Sheet(
            "Alerts", ("alert", "state", "severity", "count", "one of them"), _by_name(found.alerts)
        ),
    )


def _by_name(alerts: Iterable[PresentAlert]) -> list[tuple[str, ...]]:
    """One row for all series of an alert: experts alone may have one a layer."""
    same = groupby(alerts, key=lambda alert: (alert.name, alert.state, alert.severity))
    rows = ((key, list(found)) for key, found in same)
    return [(*key, str(len(found)), found[0].description) for key, found in rows]


def monitoring_of(sandbox: Sandbox) -> Monitoring | None:
    """None where Prometheus does not run, or does not answer."""
    if sandbox.prometheus_speed is None:
        return None
    try:
        return present.monitoring(sandbox.endpoints, sandbox.prometheus_speed)
    except OSError:
        return None


def _played(sandbox: Sandbox, wanted: Scene | None) -> tuple[Monitoring, bool]:
    """What Prometheus shows, and whether it was not `wanted` that was played already."""
    before = monitoring_of(sandbox)
    is_new = before is not None and wanted is not None and wanted.name != before.scene
    after = before
    if wanted is not None and is_new:
        with suppress(OSError):
            present.play(sandbox.endpoints, wanted)
        after = monitoring_of(sandbox)
    if after is None or (wanted is not None and after.scene != wanted.name):
        raise CommandError("Prometheus does not answer; run `make up` again")
    return after, is_new


def _scene(name: str) -> Scene:
    if name in SCENES:
        return SCENES[name]
    near = difflib.get_close_matches(name, SCENES, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(SCENES)}"
    raise CommandError(f"no scene is called {name}; {hint}")


def _document(found: Monitoring) -> dict[str, Any]:
    expected = sorted(SCENES[found.scene].alerts.intersection(found.deployed))
    shown = {**_NOTHING, **asdict(found), "expected_alerts": expected}
    return {key: shown[key] for key in _NOTHING}
