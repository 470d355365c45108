"""`moe history`: the records of stacks, and whether they are what was written."""

from typing import Any

import typer
from typer.core import TyperGroup

from cli import history_show, history_verify

_OWN_OPTIONS = ("--help",)


class _ShowsByDefault(TyperGroup):
    """`moe history staging` is `moe history show staging`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = args and (args[0] in self.commands or args[0] in _OWN_OPTIONS)
        return super().parse_args(ctx, args if named else ["show", *args])


app = typer.Typer(
    add_completion=False,
    cls=_ShowsByDefault,
    help="Who moved what to a stack, when, and on which evidence."
    " `moe history [STACK]` is short for `moe history show [STACK]`.",
    epilog=f"{history_show.EPILOG}\n\n{history_verify.EPILOG}",
)
app.command("show", epilog=history_show.EPILOG)(history_show.show)
app.command("verify", epilog=history_verify.EPILOG)(history_verify.verify)
