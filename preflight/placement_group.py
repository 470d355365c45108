"""The placement group that is there already."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from preflight.check import Check
from preflight.clients import Clients
from preflight.finding import Finding, fail, ok
from preflight.plan import Plan
from stacks.settings.gpu_node_group import ExistingPlacementGroup

TITLE = "placement group"


def _look(plan: Plan, aws: Clients) -> Iterator[Finding]:
    wanted = plan.gpu_nodes.placement()
    if not isinstance(wanted, ExistingPlacementGroup):
        return
    try:
        (group,) = aws.ec2.describe_placement_groups(GroupNames=[wanted.name])["PlacementGroups"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidPlacementGroup.Unknown":
            raise
        yield fail(
            TITLE,
            f"no {wanted.name} in {plan.region}",
            "correct gpu_node_group.placement_group.name, or set its kind to create",
        )
        return
    strategy, state = group.get("Strategy"), group.get("State")
    if strategy != "cluster":
        yield fail(
            TITLE,
            f"{wanted.name} has strategy {strategy}",
            "name a group of strategy cluster: others keep nodes apart",
        )
    elif state != "available":
        yield fail(TITLE, f"{wanted.name} is {state}", "wait, or name another group")
    else:
        yield ok(TITLE, f"{wanted.name}: cluster, available")


CHECK = Check(TITLE, ("ec2:DescribePlacementGroups",), _look)
