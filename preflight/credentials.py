"""Whose credentials these are, and whether the region is open to the account."""

from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError

from preflight.check import Check
from preflight.clients import Clients
from preflight.finding import Finding, Verdict, fail, ok
from preflight.plan import Plan

TITLE = "credentials"
_NOT_RUN = "the account was not looked at"


def enter(plan: Plan) -> tuple[Clients | None, list[Finding]]:
    """Clients for the other checks; None where these could only fail one by one."""
    try:
        aws = Clients.connect(plan.region)
        found = list(CHECK.look(plan, aws))
    except ClientError as error:
        code = error.response["Error"]["Code"]
        found = [
            fail(
                TITLE,
                f"{plan.region} answers {code} to {error.operation_name}; {_NOT_RUN}",
                "renew the credentials, or enable the region for the account with"
                f" `aws account enable-region --region-name {plan.region}`",
            )
        ]
    except BotoCoreError as error:
        found = [
            fail(
                TITLE,
                f"{error}; {_NOT_RUN}",
                "set AWS_PROFILE or the AWS_* variables:"
                f" `aws sts get-caller-identity --region {plan.region}` must answer",
            )
        ]
    usable = all(each.verdict is Verdict.OK for each in found)
    return (aws if usable else None), found


def _look(plan: Plan, aws: Clients) -> Iterator[Finding]:
    identity = aws.sts.get_caller_identity()
    wanted, given = plan.settings.aws.account_id, identity["Account"]
    if given != wanted:
        yield fail(
            TITLE,
            f"they are of account {given} ({identity['Arn']}); {_NOT_RUN}",
            f"use credentials of {wanted}, or set aws.account_id to {given}",
        )
        return
    yield ok(TITLE, f"{identity['Arn']} of account {given}")
    (region,) = aws.ec2.describe_regions(RegionNames=[plan.region], AllRegions=True)["Regions"]
    if region.get("OptInStatus") == "not-opted-in":
        yield fail(
            TITLE,
            f"{plan.region} is not enabled for the account; {_NOT_RUN}",
            f"`aws account enable-region --region-name {plan.region}`, then wait some minutes",
        )


CHECK = Check(TITLE, ("ec2:DescribeRegions", "sts:GetCallerIdentity"), _look)
