"""`moe preflight`: a look at the account before `pulumi up`."""

from collections.abc import Iterator, Mapping
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from catalog import prices
from catalog.cost import NO_PRICE, NOT_COUNTED, Cost
from cli import exit_codes
from cli.answer import answering, print_json
from preflight.finding import Finding, Verdict, worst
from preflight.plan import Plan
from preflight.report import report
from preflight.run import IAM_ACTIONS, findings
from preflight.stack_cost import stack_cost
from stacks import reading

EPILOG = (
    "Example: .venv/bin/moe preflight --stack dev --json | jq .findings\n\n"
    f"Credentials need only: {', '.join(IAM_ACTIONS)}.\n\n"
    "Exit codes: 0 nothing stands in the way (warn included), 1 error, 2 an `up` would fail."
)
_COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}


def preflight(
    stack: Annotated[str, typer.Option(help="A stack that has a file in stacks/.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on standard output.")
    ] = False,
) -> None:
    """Look at the AWS account before `pulumi up`: what would fail, and what it costs.

    Reads only. Each row is ok, warn or fail, with what to do about it.
    """
    empty: dict[str, object] = {"stack": stack, "verdict": None, "findings": [], "cost": None}
    with answering(as_json, empty):
        plan = Plan(stack, reading.from_file(stack))
        console = Console(highlight=False)
        if as_json:
            found = list(findings(plan))
            print_json({**report(plan, found), "error": None, "problems": []})
        elif console.is_terminal:
            found = _table(console, plan)
            _cost_table(console, stack_cost(plan.settings))
        else:
            found = list(_lines(plan))
            _cost_lines(stack_cost(plan.settings))
        if worst(found) is Verdict.FAIL:
            raise typer.Exit(exit_codes.REFUSED)


def _lines(plan: Plan) -> Iterator[Finding]:
    """Each finding as it comes, the advice on a line below it."""
    for each in findings(plan):
        typer.echo(f"{each.verdict:<5} {each.check}: {each.found}")
        if each.advice:
            typer.echo(f"      {each.advice}")
        yield each


def _table(console: Console, plan: Plan) -> list[Finding]:
    table = Table(title=f"Stack {plan.stack}", title_justify="left", title_style="bold")
    for column in ("check", "verdict", "what is there, and what to do"):
        table.add_column(column, overflow="fold")
    found = []
    with console.status("credentials") as status:
        for each in findings(plan, starts=status.update):
            found.append(each)
            what = Text(each.found)
            if each.advice:
                what.append(f"\n{each.advice}", style="bold")
            table.add_row(each.check, Text(each.verdict.value, _COLOURS[each.verdict]), what)
    console.print(table)
    return found


def _cost_table(console: Console, costs: Mapping[str, Cost]) -> None:
    title = f"Cost (prices of {prices.AS_OF})"
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("at", style="cyan")
    for column in ("nodes", "GPU-hours an hour", "USD an hour", "USD a month"):
        table.add_column(column, justify="right")
    for at, each in costs.items():
        hours = str(each.gpu_hours_per_hour)
        table.add_row(at, str(each.gpu_nodes), hours, *(_sums(each) or (NO_PRICE, NO_PRICE)))
    console.print(table)
    for note in _notes(costs):
        console.print(note, soft_wrap=True, markup=False)


def _cost_lines(costs: Mapping[str, Cost]) -> None:
    for at, each in costs.items():
        sums = _sums(each)
        money = f"USD {sums[0]} an hour, {sums[1]} a month" if sums else NO_PRICE
        typer.echo(
            f"cost  {at} {each.gpu_nodes}: {each.gpu_hours_per_hour} GPU-hours an hour,"
            f" {money} (of {prices.AS_OF})"
        )
    for note in _notes(costs):
        typer.echo(f"      {note}")


def _sums(cost: Cost) -> tuple[str, str] | None:
    """Dollars an hour and a month."""
    if cost.usd_per_hour is None or cost.usd_per_month is None:
        return None
    return f"{cost.usd_per_hour:,.2f}", f"{cost.usd_per_month:,.0f}"


def _notes(costs: Mapping[str, Cost]) -> Iterator[str]:
    last = list(costs.values())[-1]
    if last.note:
        yield last.note
    if last.without:
        yield f"{NO_PRICE}, so not counted: {'; '.join(last.without)}"
    yield f"not counted: {NOT_COUNTED}"


app = typer.Typer(add_completion=False)
app.command(epilog=EPILOG)(preflight)
