"""`moe check --stack`: a change to the stacks, judged before it is merged."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from catalog.policy_pack import pack_version
from cli import check_output, exit_codes
from cli.answer import CommandError, answering
from cli.check_output import Outlet
from cli.stack_names import known
from durable.places import PACKAGE_ROOT
from gate.formats import Format, json_document
from gate.policy_config import PolicyConfig, PolicyConfigError, read
from gate.report import Report
from gate.stacks import git
from gate.stacks.check import Asked, check
from gate.stacks.engine import Engine
from gate.stacks.live import LiveEngine, NoPulumiError
from policies.pack import listed
from sandbox.checks import check_sandbox
from sandbox.reporter import Reporter, reporting
from sandbox.toolchain.ensure import built_promtool, ensure_prometheus
from stacks import reading

EPILOG = (
    "Example: .venv/bin/moe check --stack dev --stack prod --base origin/main"
    " --output report.md\n\n"
    "Exit codes: 0 nothing refuses, 1 error (settings that cannot work are one), 2 refused: by a"
    " policy, by what no policy could check and nobody waived, by an alert rule, or by what is"
    " protected, 3 no stack has a file."
)


def stacks(
    context: typer.Context,
    stack: Annotated[
        list[str] | None, typer.Option(help="A stack that has a file in stacks/. Repeatable.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every stack that has a file.")] = False,
    base: Annotated[
        str | None,
        typer.Option(
            help="Commit to compare with; without it, where this tree left the default branch."
        ),
    ] = None,
    no_base: Annotated[
        bool, typer.Option("--no-base", help="Compare with nothing: half the time.")
    ] = False,
    live: Annotated[
        bool,
        typer.Option(
            "--live", help="Use your own pulumi, its login and its state, not the sandbox."
        ),
    ] = False,
    policy_config: Annotated[
        Path | None,
        typer.Option(help="Levels and settings of policies, as --policy-pack-config of Pulumi."),
    ] = None,
    promtool: Annotated[
        bool, typer.Option("--promtool", help="Build promtool where it is not built yet: minutes.")
    ] = False,
    form: check_output.Form = Format.TERMINAL,
    as_json: check_output.AsJson = False,
    output: check_output.Files = [],  # noqa: B006 - typer copies it
    github_summary: check_output.GithubSummary = False,
) -> None:
    """Judge a change before it is merged: what a policy refuses, and what nobody could check."""
    empty = {**json_document.empty(), "error": None, "problems": []}
    with answering(as_json or form is Format.JSON, empty):
        if (command := context.invoked_subcommand) is not None:
            if option := _given(context):
                raise CommandError(f"{option} before {command}: put it behind, or leave it out")
            return
        if not (stack or every):
            raise CommandError("nothing to check; allowed: --stack S, --all, or manifests (--help)")
        if base is not None and no_base:
            raise CommandError("--base and --no-base contradict each other; leave out one")
        if live and base is not None:
            raise CommandError("--live compares with the stack's own state; leave out --base")
        outlet = Outlet.of(as_json, form, output, github_summary)
        names = reading.stack_names() if every else known(stack or [])
        try:
            config = _policy_config(policy_config)
            with reporting() as reporter, _engine(live, reporter) as engine:
                asked = Asked(
                    PACKAGE_ROOT,
                    engine,
                    None if live else _base(base, no_base),
                    config,
                    policy_config,
                    _promtool(promtool, reporter),
                    reporter.step,
                )
                report = Report([check(name, asked) for name in names], pack_version())
        except (git.GitError, NoPulumiError, PolicyConfigError) as error:
            raise CommandError(str(error)) from None
        outlet.tell(report)
        if not names:
            raise typer.Exit(exit_codes.NOTHING_TO_DO)


def _given(context: typer.Context) -> str:
    """The first option that the command line has; empty without one."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE":
            return parameter.opts[0]
    return ""


def _policy_config(path: Path | None) -> PolicyConfig:
    return read(path, [each.policy for each in listed()]) if path else PolicyConfig()


def _base(asked: str | None, none: bool) -> str | None:
    """The commit to compare with; None where there is none, or nothing differs from it."""
    if none:
        return None
    if asked is not None:
        return git.commit(PACKAGE_ROOT, asked)
    began = git.where_it_began(PACKAGE_ROOT)
    return None if began is None or git.is_as(PACKAGE_ROOT, began) else began


def _promtool(build: bool, reporter: Reporter) -> Path | None:
    return ensure_prometheus(reporter).promtool if build else built_promtool()


@contextmanager
def _engine(live: bool, reporter: Reporter) -> Iterator[Engine]:
    if live:
        yield LiveEngine()
        return
    with check_sandbox(reporter) as engine:
        yield engine
