"""`moe plan`: how many engines and nodes a traffic needs, and what they cost."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli import exit_codes
from cli.answer import CommandError, answering, print_json
from cli.plan_inputs import Inputs, inputs
from cli.plan_options import Options
from cli.sheet import Sheet, show_sheet
from planner import compare_report, report
from planner.compare import compare as compared
from planner.plan import Plan, Progress, Verdict, plan
from planner.simulation import MAX_REQUESTS
from planner.target import DEFAULT_REJECTED_SHARE
from planner.workload import DEFAULT_BURST_S
from planner.write_stack import WriteRefusedError, Written, refuse_other_model, write
from sandbox.reporter import reporting
from stacks import reading

EPILOG = (
    "Example: .venv/bin/moe plan --stack prod --measured results --rps 12 --burst-factor 2"
    " --prompt-mean 1000 --prompt-p99 4000 --output-mean 250 --output-p99 1000"
    " --ttft-p99-s 1 --itl-p99-ms 150 --picture plan.png\n\n"
    "Exit codes: 0 the target is met (with --compare, by a row at least), 1 error, 2 the model does"
    " not fit or the target is missed, 3 the target is met and --write had nothing to change."
)
SUFFIXES = (".png", ".svg")

_ENGINE = "Engine (what --stack does not say, or other than it says)"
_TRAFFIC = "Traffic"
_TARGET = "Target"
_STEP_TIME = "Step time: measured, or assumed and marked so"
_OUTPUT = "Output"


class Switch(StrEnum):
    YES = "yes"
    NO = "no"


def plan_command(
    stack: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Take model, nodes, layout and limits from this stack.",
            rich_help_panel=_ENGINE,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A model of `moe model list`.", rich_help_panel=_ENGINE),
    ] = None,
    instance_type: Annotated[
        str | None, typer.Option(metavar="NAME", help="p4d.24xlarge, ...", rich_help_panel=_ENGINE)
    ] = None,
    tensor_parallel_size: Annotated[
        int | None, typer.Option(metavar="N", min=1, rich_help_panel=_ENGINE)
    ] = None,
    pipeline_parallel_size: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, max=8, help="Nodes of an engine.", rich_help_panel=_ENGINE
        ),
    ] = None,
    data_parallel_size: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=8, rich_help_panel=_ENGINE)
    ] = None,
    expert_parallel: Annotated[
        Switch | None, typer.Option(metavar="yes|no", rich_help_panel=_ENGINE)
    ] = None,
    redundant_experts: Annotated[
        int | None, typer.Option(metavar="N", min=0, max=256, rich_help_panel=_ENGINE)
    ] = None,
    max_model_len: Annotated[
        int | None,
        typer.Option(metavar="N", help="Longest prompt plus answer.", rich_help_panel=_ENGINE),
    ] = None,
    max_num_seqs: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=4096, rich_help_panel=_ENGINE)
    ] = None,
    max_num_batched_tokens: Annotated[
        int | None, typer.Option(metavar="N", min=256, max=65536, rich_help_panel=_ENGINE)
    ] = None,
    gpu_memory_utilization: Annotated[
        float | None, typer.Option(metavar="N", rich_help_panel=_ENGINE)
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="For prices; none without it.", rich_help_panel=_ENGINE),
    ] = None,
    rps: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Requests a second, the mean of all clients.",
            rich_help_panel=_TRAFFIC,
        ),
    ] = None,
    burst_factor: Annotated[
        float,
        typer.Option(
            metavar="N", help="Rate in a burst, as a factor of --rps.", rich_help_panel=_TRAFFIC
        ),
    ] = 1.0,
    burst_s: Annotated[
        float, typer.Option(metavar="N", help="Mean length of a burst.", rich_help_panel=_TRAFFIC)
    ] = DEFAULT_BURST_S,
    prompt_mean: Annotated[
        float | None, typer.Option(metavar="N", help="Tokens.", rich_help_panel=_TRAFFIC)
    ] = None,
    prompt_p99: Annotated[
        float | None, typer.Option(metavar="N", help="Tokens.", rich_help_panel=_TRAFFIC)
    ] = None,
    output_mean: Annotated[
        float | None, typer.Option(metavar="N", help="Tokens.", rich_help_panel=_TRAFFIC)
    ] = None,
    output_p99: Annotated[
        float | None, typer.Option(metavar="N", help="Tokens.", rich_help_panel=_TRAFFIC)
    ] = None,
    ttft_p99_s: Annotated[
        float | None,
        typer.Option(metavar="N", help="Time to first token.", rich_help_panel=_TARGET),
    ] = None,
    itl_p99_ms: Annotated[
        float | None,
        typer.Option(metavar="N", help="Time between two tokens.", rich_help_panel=_TARGET),
    ] = None,
    max_rejected: Annotated[
        float,
        typer.Option(
            metavar="N", help="Share of requests that may get HTTP 503.", rich_help_panel=_TARGET
        ),
    ] = DEFAULT_REJECTED_SHARE,
    measured: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[LAYOUT=]PATH",
            help="A result of `vllm bench serve`, or a folder of them; repeatable. Without LAYOUT"
            " (p4d.24xlarge:tp8): of what is planned.",
            rich_help_panel=_STEP_TIME,
        ),
    ] = None,
    assume_step_ms: Annotated[
        float | None,
        typer.Option(metavar="N", help="A step, before its sequences.", rich_help_panel=_STEP_TIME),
    ] = None,
    assume_sequence_ms: Annotated[
        float | None,
        typer.Option(
            metavar="N", help="What each sequence adds to a step.", rich_help_panel=_STEP_TIME
        ),
    ] = None,
    assume_prefill_tokens_per_s: Annotated[
        float | None,
        typer.Option(
            metavar="N", help="Prompt tokens, in steps full of them.", rich_help_panel=_STEP_TIME
        ),
    ] = None,
    assume_layout: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LAYOUT=VALUES",
            help="These three, with commas, for another layout of --compare; repeatable.",
            rich_help_panel=_STEP_TIME,
        ),
    ] = None,
    assume_scaling: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="N",
            help="With --compare: a step on twice the GPUs is 2 ^ this as fast.",
            rich_help_panel=_STEP_TIME,
        ),
    ] = None,
    replicas: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            max=64,
            help="Judge this many engines, search none.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare", help="Other instance types and layouts too.", rich_help_panel=_OUTPUT
        ),
    ] = False,
    picture: Annotated[
        Path | None,
        typer.Option(
            help="Save the plan as a figure, .png or .svg.",
            dir_okay=False,
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    write_to: Annotated[
        str | None,
        typer.Option(
            "--write",
            metavar="STACK",
            help="Put the plan into this stack's file; --stack where that is left out.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print one JSON document on standard output.", rich_help_panel=_OUTPUT
        ),
    ] = False,
    seed: Annotated[
        int, typer.Option(min=0, help="Of the random numbers.", rich_help_panel=_OUTPUT)
    ] = 1,
    requests: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1000,
            max=MAX_REQUESTS,
            help="Simulated a run; more is slower and steadier.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
) -> None:
    """Plan capacity: engines, nodes and cost for a traffic and its p99 target.

    Simulates vLLM's scheduler with a step time that was measured, or assumed: nothing here knows
    how fast a model is.
    """
    options = Options(
        stack=stack or write_to,
        model=model,
        instance_type=instance_type,
        tensor_parallel_size=tensor_parallel_size,
        pipeline_parallel_size=pipeline_parallel_size,
        data_parallel_size=data_parallel_size,
        expert_parallel=None if expert_parallel is None else expert_parallel is Switch.YES,
        redundant_experts=redundant_experts,
        max_model_len=max_model_len,
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=max_num_batched_tokens,
        gpu_memory_utilization=gpu_memory_utilization,
        region=region,
        rps=rps,
        burst_factor=burst_factor,
        burst_s=burst_s,
        prompt_mean=prompt_mean,
        prompt_p99=prompt_p99,
        output_mean=output_mean,
        output_p99=output_p99,
        ttft_p99_s=ttft_p99_s,
        itl_p99_ms=itl_p99_ms,
        max_rejected=max_rejected,
        measured=measured or (),
        assume_step_ms=assume_step_ms,
        assume_sequence_ms=assume_sequence_ms,
        assume_prefill_tokens_per_s=assume_prefill_tokens_per_s,
        assume_layout=assume_layout or (),
        assume_scaling=assume_scaling,
        replicas=replicas,
        requests=requests,
        seed=seed,
        compare=compare,
    )
    if compare:
        _compare(options, picture, write_to, as_json=as_json)
    else:
        _plan(options, picture, write_to, as_json=as_json)


def _plan(options: Options, picture: Path | None, write_to: str | None, *, as_json: bool) -> None:
    empty: dict[str, Any] = {**report.EMPTY, "picture": None, "written": None}
    with answering(as_json, empty):
        asked = inputs(options)
        _refuse_outputs(asked, picture, write_to)
        with _progress() as progress:
            found = plan(asked.request, progress)
            if picture is not None:
                _save_picture(picture, found, progress)
        written = _written(found, write_to)
        if as_json:
            told = {
                "picture": None if picture is None else str(picture),
                "written": None if written is None else asdict(written),
            }
            print_json({**empty, **report.document(found), **told, "error": None, "problems": []})
        else:
            _show(found, picture, written)
        if found.verdict is not Verdict.MEETS:
            raise typer.Exit(exit_codes.REFUSED)
        if written is not None and not written.diff:
            raise typer.Exit(exit_codes.NOTHING_TO_DO)


def _compare(
    options: Options, picture: Path | None, write_to: str | None, *, as_json: bool
) -> None:
    empty: Mapping[str, Any] = {"rows": [], "notes": []}
    with answering(as_json, empty):
        for option, value in (
            ("--picture", picture),
            ("--write", write_to),
            ("--replicas", options.replicas),
        ):
            if value is not None:
                raise CommandError(f"{option} is of one plan: choose a row, and plan it alone")
        asked = inputs(options)
        with _progress() as progress:
            rows = compared(
                asked.request,
                asked.measurements,
                scaling_exponent=options.assume_scaling,
                progress=progress,
            )
        notes = compare_report.notes(rows)
        if as_json:
            told = {"rows": compare_report.document(rows), "notes": notes}
            print_json({**told, "error": None, "problems": []})
        else:
            console = Console(highlight=False)
            cells = compare_report.rows(rows)
            show_sheet(console, Sheet(compare_report.title(rows), compare_report.COLUMNS, cells))
            for each in (report.traffic(asked.request), report.target(asked.request), *notes):
                console.print(each, soft_wrap=True, markup=False)
        if not any(row.meets for row in rows):
            raise typer.Exit(exit_codes.REFUSED)


def _refuse_outputs(asked: Inputs, picture: Path | None, write_to: str | None) -> None:
    """Before minutes are spent on what cannot be kept."""
    if picture is not None:
        if picture.suffix not in SUFFIXES:
            raise CommandError(f"--picture {picture} is not allowed; allowed: a .png or .svg file")
        if not picture.absolute().parent.is_dir():
            raise CommandError(f"--picture {picture}: there is no folder {picture.parent}")
    if write_to is not None:
        server = reading.from_file(write_to).model_server
        try:
            refuse_other_model(asked.request.deployment, server.model)
        except WriteRefusedError as error:
            raise CommandError(str(error)) from None


def _written(found: Plan, stack: str | None) -> Written | None:
    if stack is None or found.verdict is not Verdict.MEETS:
        return None
    try:
        return write(found, stack)
    except WriteRefusedError as error:
        raise CommandError(str(error)) from None


def _save_picture(path: Path, found: Plan, progress: Progress) -> None:
    # It takes half a second to import, which no other command should wait for.
    from planner import picture

    try:
        picture.save(path, picture.drawing(found, progress))
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from None


def _show(found: Plan, picture: Path | None, written: Written | None) -> None:
    console = Console(highlight=False)
    show_sheet(console, Sheet(report.title(found), ("what", "value"), report.rows(found)))
    if picture is not None:
        console.print(f"picture: {picture}", soft_wrap=True, markup=False)
    if written is not None:
        told = written.diff.rstrip("\n") or f"{written.file} says so already"
        for line in (told, *written.notes):
            console.print(line, soft_wrap=True, markup=False)


@contextmanager
def _progress() -> Iterator[Progress]:
    """On standard error: a bar for a person, and a line at times elsewhere."""
    with reporting() as reporter:
        yield reporter.progress


app = typer.Typer(add_completion=False)
app.command(epilog=EPILOG)(plan_command)
