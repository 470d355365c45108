"""`python -m cli` is `moe`, of the tree that Python finds first."""

from cli.main import app

app(prog_name="moe")
