"""Runs the checks in order."""

from collections.abc import Callable, Iterator

from botocore.exceptions import BotoCoreError, ClientError

from preflight import (
    ami_release,
    credentials,
    endpoints,
    instance_type,
    offering,
    placement_group,
    quota,
    reservation,
    settings_advice,
    subnets,
    weights,
)
from preflight.check import Check
from preflight.clients import Clients
from preflight.finding import Finding, warn
from preflight.plan import Plan

CHECKS: tuple[Check, ...] = (
    offering.CHECK,
    instance_type.CHECK,
    quota.CHECK,
    reservation.CHECK,
    placement_group.CHECK,
    ami_release.CHECK,
    subnets.CHECK,
    endpoints.CHECK,
    weights.CHECK,
)
IAM_ACTIONS = sorted(
    {action for check in (credentials.CHECK, *CHECKS) for action in check.iam_actions}
)
"""All that the credentials must be allowed; nothing in it writes."""

_DENIED = ("403", "AccessDenied", "AccessDeniedException", "UnauthorizedOperation")


def iam_policy() -> dict[str, object]:
    """The policy that allows IAM_ACTIONS."""
    statement = {"Effect": "Allow", "Action": IAM_ACTIONS, "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def findings(plan: Plan, starts: Callable[[str], None] = lambda title: None) -> Iterator[Finding]:
    """Rows as they are found; `starts` is told the title of each check before it looks."""
    starts(credentials.TITLE)
    aws, found = credentials.enter(plan)
    yield from found
    if aws is not None:
        for check in CHECKS:
            starts(check.title)
            yield from _looked(check, plan, aws)
    yield from settings_advice.rows(plan)


def _looked(check: Check, plan: Plan, aws: Clients) -> Iterator[Finding]:
    """What the check finds; what AWS refuses or does not answer is one row more."""
    try:
        yield from check.look(plan, aws)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        yield warn(
            check.title,
            f"could not be checked: {error.operation_name} answers {code}",
            _allow(check, error) if code in _DENIED else "the other rows hold; try again later",
        )
    except BotoCoreError as error:
        yield warn(
            check.title,
            f"could not be checked: {error}",
            "the other rows hold; let this machine reach the service, and try again",
        )


def _allow(check: Check, error: ClientError) -> str:
    """The one action that was missing, or all of the check's where IAM names it otherwise."""
    suffix = f":{error.operation_name}"
    missing = [action for action in check.iam_actions if action.endswith(suffix)]
    return f"allow {', '.join(missing or check.iam_actions)}"
