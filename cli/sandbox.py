"""`moe sandbox`: the whole program on this machine, with no cloud account."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli import exit_codes
from cli.sandbox_view import save_picture, show_processes, show_summary
from sandbox import lifecycle
from sandbox.aws_provider import kept_by_stand_in
from sandbox.charts import write_charts
from sandbox.control_plane.kube_api import KubeApi, KubeApiError
from sandbox.lifecycle import Sandbox, StartError
from sandbox.locks import LockHeldError, held_lock
from sandbox.paths import PACKAGE_ROOT, default_paths
from sandbox.reporter import Reporter, TerminalReporter, reporter_for
from sandbox.stack import LOCAL, PolicyRefusedError, Stack, StackError
from sandbox.summary import Summary, summarize
from sandbox.toolchain.go_build import BuildError, GoMissingError
from sandbox.toolchain.pins import UnknownPlatformError
from stacks import reading
from stacks.reading import SettingsError

app = typer.Typer(
    help="Run everything on this machine, with no account.",
    epilog=exit_codes.EXPLANATION,
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]


@app.command(epilog="Example: moe sandbox up --json | jq .models")
def up(as_json: Json = False) -> None:
    """Start the sandbox and bring stack `local` up in it, with the policies mandatory."""
    with _errors(as_json):
        settings = reading.from_file(LOCAL)
        with _reporter() as reporter, _alone("up"):
            sandbox = lifecycle.start(reporter)
            write_charts(sandbox.paths.charts, sandbox.tools.monitoring_crds_folder)
            reporter.step("pulumi up --stack local --policy-pack policies")
            stack = _stack(sandbox, as_json)
            stack.up()
            summary = summarize(KubeApi(sandbox.paths.admin_kubeconfig), settings)
            count = stack.resource_count()
        _show(summary, count, as_json)


@app.command(epilog="Example: moe sandbox status --picture status.svg")
def status(
    as_json: Json = False,
    picture: Annotated[
        Path | None, typer.Option(help="Save what runs as an SVG picture too.", dir_okay=False)
    ] = None,
) -> None:
    """Show what runs, and what stands in for what AWS would do."""
    with _errors(as_json):
        found = lifecycle.status()
        if found.endpoints is None:
            _say("no sandbox here; `make up` starts one", as_json)
            raise typer.Exit(exit_codes.NOTHING_TO_DO)
        sandbox = lifecycle.attach()
        summary, count = None, 0
        if sandbox is not None:
            summary = summarize(KubeApi(sandbox.paths.admin_kubeconfig), reading.from_file(LOCAL))
            count = _stack(sandbox, as_json).resource_count()
        kept = kept_by_stand_in()
        if as_json:
            processes = [{**asdict(p), "alive": p.alive} for p in found.processes]
            _print_json(
                {
                    "running": found.running,
                    "processes": processes,
                    "kept_by_stand_in": kept,
                    **_as_dict(summary, count),
                }
            )
        else:
            console = Console(highlight=False)
            show_processes(console, found, kept)
            if summary is not None:
                show_summary(console, summary, count)
        if picture is not None and summary is not None:
            save_picture(picture, summary, count)
        if not found.running:
            raise typer.Exit(exit_codes.ERROR)


@app.command(epilog="Example: moe sandbox down")
def down(
    as_json: Json = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Only stop the processes; `up` goes on from there.")
    ] = False,
) -> None:
    """Stop the sandbox and remove all that it kept."""
    with _errors(as_json), _reporter() as reporter, _alone("down"):
        existed = default_paths().state.exists()
        ended = lifecycle.stop(purge=not keep, reporter=reporter)
        if not existed:
            _say("no sandbox here", as_json)
            raise typer.Exit(exit_codes.NOTHING_TO_DO)
        _say(f"stopped {len(ended)} processes{'' if keep else '; nothing is left'}", as_json)


@app.command(epilog='Example: eval "$(moe sandbox env)" && pulumi preview --stack local')
def env(as_json: Json = False) -> None:
    """Print what a shell needs so that `pulumi` and `kubectl` work on the sandbox."""
    with _errors(as_json):
        sandbox = lifecycle.attach()
        if sandbox is None:
            raise StackError("the sandbox does not run; `make up` starts it")
        if as_json:
            _print_json(sandbox.settings())
        else:
            typer.echo(sandbox.exports(), nl=False)


def _stack(sandbox: Sandbox, as_json: bool) -> Stack:
    return Stack(sandbox, LOCAL, PACKAGE_ROOT, sys.stderr if as_json else sys.stdout)


@contextmanager
def _reporter() -> Iterator[Reporter]:
    reporter = reporter_for(sys.stderr)
    with reporter if isinstance(reporter, TerminalReporter) else nullcontext():
        yield reporter


@contextmanager
def _alone(purpose: str) -> Iterator[None]:
    """One `up` or `down` of a checkout at a time; the second is told who is first."""
    lock = default_paths().lock.with_suffix(".command")
    with held_lock(lock, purpose, on_wait=lambda holder: None, wait_seconds=0):
        yield


@contextmanager
def _errors(as_json: bool) -> Iterator[None]:
    """Every expected failure becomes one message and its exit code."""
    try:
        yield
    except SettingsError as error:
        problems = [asdict(problem) for problem in error.problems]
        _fail(str(error), exit_codes.ERROR, as_json, problems=problems)
    except PolicyRefusedError as error:
        _fail(str(error), exit_codes.REFUSED, as_json)
    except (
        BuildError,
        GoMissingError,
        KubeApiError,
        LockHeldError,
        StackError,
        StartError,
        UnknownPlatformError,
    ) as error:
        _fail(str(error), exit_codes.ERROR, as_json)
    except KeyboardInterrupt:
        _fail("interrupted; the same command goes on from here", exit_codes.ERROR, as_json)


def _fail(message: str, code: int, as_json: bool, **details: object) -> None:
    if as_json:
        _print_json({"error": message, **details})
    else:
        typer.secho(message, err=True, fg="red")
    raise typer.Exit(code)


def _show(summary: Summary, count: int, as_json: bool) -> None:
    if as_json:
        _print_json(_as_dict(summary, count))
    else:
        show_summary(Console(highlight=False), summary, count)


def _as_dict(summary: Summary | None, count: int) -> dict[str, Any]:
    return {**asdict(summary), "resources": count} if summary is not None else {}


def _say(message: str, as_json: bool) -> None:
    if as_json:
        _print_json({"message": message})
    else:
        typer.echo(message)


def _print_json(document: object) -> None:
    typer.echo(json.dumps(document, indent=2, default=str))
