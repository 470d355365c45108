"""`moe`: assembly of the commands. The module of one is imported when it is asked for."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from cli import exit_codes

COMMANDS = {
    "sandbox": "cli.sandbox",
    "plan": "cli.plan",
    "model": "cli.model",
    "preflight": "cli.preflight",
    "check": "cli.check",
    "release": "cli.release",
    "approve": "cli.approve",
    "promote": "cli.promote",
    "up": "cli.up",
    "rollback": "cli.rollback",
    "history": "cli.history",
    "drift": "cli.drift",
    "status": "cli.status",
}
"""Name and module, whose `app` it is, in the order of the help."""

# A mistyped option would exit with 2, which here means that a gate refused. The class is
# typer's UsageError, which it does not export.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]
_UsageError.exit_code = exit_codes.ERROR  # type: ignore[attr-defined]
_AS_JSON = "--json"


@contextmanager
def _mistypings_answered(as_json: bool) -> Iterator[None]:
    """Who asks for JSON gets it of a mistyped option too."""
    try:
        yield
    except _UsageError as error:
        if not as_json:
            raise
        said = error.format_message()  # type: ignore[attr-defined]
        typer.echo(json.dumps({"error": said, "problems": []}, indent=2))
        raise typer.Exit(exit_codes.ERROR) from None


class _OnDemand(TyperGroup):
    """All of them together import some thousand modules, and most commands need few."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        # Names alone, for a hint at what was mistyped.
        self.commands = {name: TyperCommand(name) for name in COMMANDS}

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[_AS_JSON] = _AS_JSON in args
        with _mistypings_answered(ctx.meta[_AS_JSON]):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        with _mistypings_answered(ctx.meta[_AS_JSON]):
            return super().invoke(ctx)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        command = get_command(import_module(COMMANDS[cmd_name]).app)
        command.name = cmd_name
        return command


app = typer.Typer(
    name="moe",
    cls=_OnDemand,
    help="Serve Mixture-of-Experts models on EKS nodes of eight A100s.",
    epilog=exit_codes.EXPLANATION,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
)


@app.callback()
def _moe() -> None:
    """Typer wants one command or a callback where it sees none."""
