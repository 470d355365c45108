"""`moe sandbox`: the whole program on this machine, with no cloud account."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli import exit_codes, sandbox_scene, sandbox_stacks
from cli.answer import CommandError, answering, print_json, say_error
from cli.sandbox_scene import monitoring_of, show_monitoring
from cli.sandbox_view import save_picture, show_next, show_processes, show_summary
from durable.locks import held_lock
from durable.places import PACKAGE_ROOT
from sandbox import lifecycle
from sandbox.aws_provider import kept_by_stand_in
from sandbox.charts import write_charts
from sandbox.control_plane.kube_api import KubeApi
from sandbox.lifecycle import Sandbox, SandboxStatus
from sandbox.monitoring.present import Monitoring
from sandbox.paths import default_paths
from sandbox.reporter import Reporter, reporting
from sandbox.stack import LOCAL, Stack
from sandbox.stack_sandboxes import StackStatus
from sandbox.summary import Summary, summarize
from stacks import reading
from stacks.settings import Settings

app = typer.Typer(
    add_completion=False,
    help="Run everything on this machine, with no account.",
    epilog=exit_codes.EXPLANATION,
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]


@app.command(
    epilog="Example: .venv/bin/moe sandbox up --json | jq .models\n\n"
    "Example: .venv/bin/moe sandbox up --stack dev --stack staging --stack prod"
)
def up(
    stack: Annotated[
        list[str] | None,
        typer.Option(
            help=f"A stack to bring up; may be given again. Default: {LOCAL}. Each other one gets a"
            " sandbox of its own, all of them one backend, and stacks/STACK.env, by which every"
            " command finds it.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    prometheus: Annotated[
        bool,
        typer.Option(
            "--prometheus", help=f"Run Prometheus for {LOCAL} too, for `moe sandbox scene`."
        ),
    ] = False,
    speed: Annotated[
        int | None,
        typer.Option(
            min=1, max=60, help="With Prometheus on a clock that runs so many times as fast."
        ),
    ] = None,
) -> None:
    """Start the sandbox and bring a stack up in it, with the policies mandatory."""
    stacks = list(dict.fromkeys(stack or [LOCAL]))
    documents = {name: _stack_document(Summary(), 0) for name in stacks}
    # A failure tells also of the stacks that are up by then.
    empty = {"error": None, "problems": [], "stacks": documents} if stack else documents[LOCAL]
    with answering(as_json, empty):
        if (prometheus or speed) and LOCAL not in stacks:
            raise CommandError(
                f"--prometheus and --speed are for stack {LOCAL}, which is not asked"
            )
        settings = sandbox_stacks.checked(stacks)
        speed = speed or (1 if prometheus else None)
        found: dict[str, tuple[Summary, int]] = {}
        with reporting() as reporter, _alone("up"):
            for name in stacks:
                if name == LOCAL:
                    found[name] = _up_local(settings[name], reporter, speed, as_json)
                else:
                    found[name] = sandbox_stacks.up_one(name, settings[name], reporter, as_json)
                documents[name].update(_stack_document(*found[name]))
        if as_json:
            print_json(empty)
        elif stacks == [LOCAL]:
            console = _console()
            show_summary(console, *found[LOCAL])
            show_next(console)
        else:
            sandbox_stacks.show_up(_console(), found)


@app.command(epilog="Example: .venv/bin/moe sandbox status --picture status.svg")
def status(
    as_json: Json = False,
    picture: Annotated[
        Path | None, typer.Option(help="Save what runs as an SVG picture too.", dir_okay=False)
    ] = None,
) -> None:
    """Show what runs, and what stands in for what AWS would do."""
    found = lifecycle.status()
    others = sandbox_stacks.sandboxes().status()
    kept = kept_by_stand_in()
    with answering(as_json, _status_document(found, others, kept, Summary(), 0, None)):
        if found.endpoints is None and not others:
            if as_json:
                print_json(_status_document(found, others, kept, Summary(), 0, None))
            else:
                typer.echo("no sandbox here; `make up` starts one")
            raise typer.Exit(exit_codes.NOTHING_TO_DO)
        console = _console()
        if not as_json:
            # First: a stack file with an error must not hide what runs.
            sandbox_stacks.show_status(console, others)
            if found.endpoints is not None:
                show_processes(console, found, kept)
        summary, count, monitoring = Summary(), 0, None
        sandbox = lifecycle.attach()
        if sandbox is not None:
            monitoring = monitoring_of(sandbox)
            summary = summarize(KubeApi(sandbox.paths.admin_kubeconfig), reading.from_file(LOCAL))
            count = _stack(sandbox, as_json).resource_count()
            if picture is not None:
                save_picture(picture, summary, count)
        if as_json:
            print_json(_status_document(found, others, kept, summary, count, monitoring))
        else:
            if sandbox is not None:
                show_summary(console, summary, count)
            if monitoring is not None:
                show_monitoring(console, monitoring)
            if found.endpoints is not None and found.trouble is None:
                show_next(console)
            if trouble := _trouble(found, others):
                say_error(trouble)
        if _trouble(found, others) is not None:
            raise typer.Exit(exit_codes.ERROR)


@app.command(epilog="Example: .venv/bin/moe sandbox down")
def down(
    as_json: Json = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Only stop the processes; `up` goes on from there.")
    ] = False,
) -> None:
    """Stop the sandbox, those of other stacks too, and remove all that they kept."""
    document: dict[str, Any] = {"error": None, "problems": [], "stopped": [], "stacks": {}}
    with answering(as_json, document), reporting() as reporter, _alone("down"):
        others = sandbox_stacks.sandboxes()
        existed = default_paths().state.exists() or others.exist
        of_stacks = others.down(purge=not keep, reporter=reporter)
        ended = lifecycle.stop(purge=not keep, reporter=reporter)
        if as_json:
            print_json({**document, "stopped": ended, "stacks": of_stacks})
        elif existed:
            count = len(ended) + sum(map(len, of_stacks.values()))
            typer.echo(f"stopped {count} processes{'' if keep else '; nothing is left'}")
        else:
            typer.echo("no sandbox here")
        if not existed:
            raise typer.Exit(exit_codes.NOTHING_TO_DO)


@app.command(epilog='Example: eval "$(.venv/bin/moe sandbox env)" && pulumi preview --stack local')
def env(
    stack: Annotated[str, typer.Option(help="The stack whose sandbox it is.")] = LOCAL,
    as_json: Json = False,
) -> None:
    """Print what a shell needs so that `pulumi` and `kubectl` work on the sandbox."""
    with answering(as_json, {}):
        sandbox = sandbox_stacks.running(stack)
        if sandbox is None:
            start = "make up" if stack == LOCAL else f"moe sandbox up --stack {stack}"
            of = "" if stack == LOCAL else f" of stack {stack}"
            raise CommandError(f"the sandbox{of} does not run; `{start}` starts it")
        if as_json:
            print_json(sandbox.settings())
        else:
            typer.echo(sandbox.exports(), nl=False)


app.command(epilog=sandbox_scene.EPILOG)(sandbox_scene.scene)


def _up_local(
    settings: Settings, reporter: Reporter, speed: int | None, as_json: bool
) -> tuple[Summary, int]:
    with lifecycle.noted_as_unfinished():
        scaled = settings.model_server.autoscaling is not None
        sandbox = lifecycle.start(reporter, keda=scaled, prometheus_speed=speed)
        sandbox_stacks.lead_to_local(sandbox)
        write_charts(sandbox.paths.charts, sandbox.tools)
        reporter.step(f"pulumi up --stack {LOCAL} --policy-pack policies")
        stack = _stack(sandbox, as_json)
        stack.up()
        summary = summarize(KubeApi(sandbox.paths.admin_kubeconfig), settings)
        return summary, stack.resource_count()


def _stack(sandbox: Sandbox, as_json: bool) -> Stack:
    return Stack(sandbox, LOCAL, PACKAGE_ROOT, sys.stderr if as_json else sys.stdout)


def _console() -> Console:
    return Console(highlight=False)


@contextmanager
def _alone(purpose: str) -> Iterator[None]:
    """One `up` or `down` of a checkout at a time; the second is told who is first."""
    lock = default_paths().lock.with_suffix(".command")
    with held_lock(lock, purpose, on_wait=lambda holder: None, wait_seconds=0):
        yield


def _stack_document(summary: Summary, resources: int) -> dict[str, Any]:
    return {"error": None, "problems": [], **asdict(summary), "resources": resources}


def _trouble(found: SandboxStatus, others: Sequence[StackStatus]) -> str | None:
    said = [each for each in (found.trouble, sandbox_stacks.trouble(others)) if each]
    return "\n".join(said) or None


def _status_document(
    found: SandboxStatus,
    others: Sequence[StackStatus],
    kept: list[str],
    summary: Summary,
    resources: int,
    monitoring: Monitoring | None,
) -> dict[str, Any]:
    return {
        **_stack_document(summary, resources),
        "error": _trouble(found, others),
        "running": found.running,
        "finished": found.finished,
        "processes": [{**asdict(p), "alive": p.alive} for p in found.processes],
        "stacks": sandbox_stacks.status_document(others),
        "kept_by_stand_in": kept,
        "prometheus": None if monitoring is None else asdict(monitoring),
    }
