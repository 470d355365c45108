"""What every check is: its title, what it must be allowed to call, and its look at the account."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from preflight.clients import Clients
from preflight.finding import Finding
from preflight.plan import Plan


@dataclass(frozen=True, slots=True)
class Check:
    """`look` may raise botocore's errors: `run.py` makes a row of them."""

    title: str
    iam_actions: tuple[str, ...]
    look: Callable[[Plan, Clients], Iterable[Finding]]
