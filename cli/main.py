"""`moe`: assembly of the commands."""

import typer

from cli import check, exit_codes, model, plan, preflight, sandbox, status

app = typer.Typer(
    name="moe",
    help="Serve Mixture-of-Experts models on EKS nodes of eight A100s.",
    epilog=exit_codes.EXPLANATION,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
)
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(model.app, name="model")
app.add_typer(check.app, name="check")
app.command(epilog=preflight.EPILOG)(preflight.preflight)
app.command(epilog=status.EPILOG)(status.status)
app.command("plan", epilog=plan.EPILOG)(plan.plan_command)

# A mistyped option would exit with 2, which here means that a gate refused. The class is
# typer's UsageError, which it does not export.
usage_error = typer.BadParameter.__mro__[1]
usage_error.exit_code = exit_codes.ERROR  # type: ignore[attr-defined]
