"""Stacks in the sandbox beside `local`: what `moe sandbox` does for each, and what it shows."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console

from cli.sandbox_view import show_commands, show_summary
from cli.sheet import Sheet, show_sheet
from sandbox import environment_file
from sandbox.lifecycle import Sandbox, attach
from sandbox.paths import default_paths
from sandbox.reporter import Reporter
from sandbox.stack import LOCAL
from sandbox.stack_sandboxes import StackSandboxes, StackStatus
from sandbox.summary import Summary
from stacks import reading
from stacks.settings import Settings

_COLUMNS = ("stack", "sandbox", "memory")


def sandboxes() -> StackSandboxes:
    return StackSandboxes(default_paths().root)


def checked(stacks: Sequence[str]) -> dict[str, Settings]:
    """Settings of every stack, each once; one that cannot be up refuses before any is started."""
    settings = {stack: reading.from_file(stack) for stack in stacks}
    for stack in settings:
        sandboxes().refuse_what_cannot_be(stack)
    return settings


def up_one(
    stack: str, settings: Settings, reporter: Reporter, as_json: bool
) -> tuple[Summary, int]:
    return sandboxes().up(stack, settings, reporter, sys.stderr if as_json else sys.stdout)


def lead_to_local(sandbox: Sandbox) -> None:
    """Let every command find stack `local` too, without a look at the shell."""
    environment_file.write(LOCAL, sandboxes().stack_files, sandbox)


def running(stack: str) -> Sandbox | None:
    """The sandbox of a stack, where all of it runs."""
    return attach(None if stack == LOCAL else sandboxes().paths(stack))


def show_up(console: Console, found: dict[str, tuple[Summary, int]]) -> None:
    """What runs in each, and what to do with them."""
    for stack, (summary, resources) in found.items():
        console.print(f"[bold]Stack {stack}[/]")
        show_summary(console, summary, resources, stack)
    show_commands(console, _next(list(found)))


def show_status(console: Console, found: Sequence[StackStatus]) -> None:
    rows = [(each.stack, each.word, f"{each.memory_mib} MiB") for each in found]
    if rows:
        show_sheet(console, Sheet("Stacks in sandboxes of their own", _COLUMNS, rows))


def status_document(found: Sequence[StackStatus]) -> list[dict[str, Any]]:
    return [asdict(each) for each in found]


def trouble(found: Sequence[StackStatus]) -> str | None:
    """What is wrong and what to do about it; None where nothing is."""
    bad = [each for each in found if each.word != "running"]
    if not bad:
        return None
    names = ", ".join(f"stack {each.stack} is {each.word}" for each in bad)
    again = " ".join(f"--stack {each.stack}" for each in bad)
    return f"{names}; `moe sandbox up {again}` goes on from there"


def _next(stacks: Sequence[str]) -> list[tuple[str, str]]:
    others = [stack for stack in stacks if stack != LOCAL]
    first = others[0]
    commands = [(".venv/bin/moe status", "all stacks on one screen")]
    if len(others) > 1:
        commands.append((f".venv/bin/moe promote {first} {others[1]}", "what a promotion would do"))
    return [
        *commands,
        (
            f'eval "$(.venv/bin/moe sandbox env --stack {first})"',
            "then pulumi and kubectl work on it",
        ),
        (".venv/bin/moe sandbox down", f"remove all, with stacks/{first}.env and its like"),
    ]
