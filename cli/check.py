"""`moe check`: what would be refused, before it is merged."""

import typer

from cli import check_manifests, check_stack

app = typer.Typer(add_completion=False)
app.callback(invoke_without_command=True, epilog=check_stack.EPILOG)(check_stack.stacks)
app.command("manifests", epilog=check_manifests.EPILOG)(check_manifests.manifests)
