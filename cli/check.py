"""`moe check`: what would be refused, before it is merged."""

import typer

from cli import check_manifests, exit_codes

app = typer.Typer(
    help="Judge a change before it is merged: what a policy refuses, and what nobody could check.",
    epilog=exit_codes.EXPLANATION,
    no_args_is_help=True,
)
app.command("manifests", epilog=check_manifests.EPILOG)(check_manifests.manifests)
