"""The quota of on-demand P instances, in vCPUs.

A reservation counts against it as running instances do (EC2 user guide, "Create a Capacity
Reservation"); a Capacity Block is bought outside of it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from preflight import running
from preflight.check import Check
from preflight.clients import Clients
from preflight.finding import Finding, fail, ok, warn
from preflight.plan import Plan
from stacks.settings.gpu_node_group import CapacityBlock

TITLE = "quota"
_QUOTA = "L-417A185B"
"""Running On-Demand P instances."""


def _look(plan: Plan, aws: Clients) -> Iterator[Finding]:
    if isinstance(plan.gpu_nodes.capacity, CapacityBlock):
        yield ok(TITLE, "a Capacity Block does not count against the quota of on-demand instances")
        return
    quota = aws.service_quotas.get_service_quota(ServiceCode="ec2", QuotaCode=_QUOTA)
    have = round(quota["Quota"]["Value"])
    others = Counter(
        each.instance_type
        for each in running.p_instances(plan, aws)
        if each.on_demand and not each.ours
    )
    yield _judged(plan, have, _vcpus(aws, others))


def _vcpus(aws: Clients, counts: Mapping[str, int]) -> int:
    """Of so many instances of each type."""
    if not counts:
        return 0
    answer = aws.ec2.describe_instance_types(InstanceTypes=list(counts))  # type: ignore[arg-type]
    return sum(
        counts[info["InstanceType"]] * info["VCpuInfo"]["DefaultVCpus"]
        for info in answer["InstanceTypes"]
    )


def _judged(plan: Plan, have: int, others: int) -> Finding:
    nodes, each = plan.gpu_nodes.max_nodes, plan.instance_type.vcpu
    need = nodes * each + others
    theirs = f" and {others} of other instances" if others else ""
    found = f"{have} vCPUs of P instances, {need} wanted: max_nodes {nodes} x {each}{theirs}"
    if need > have:
        return fail(TITLE, found, _ask_for(plan, need))
    in_update = need + plan.extra_nodes_in_update * each
    if in_update > have:
        instead = "set gpu_node_group.update.strategy to terminate_first"
        return warn(
            TITLE,
            f"{found}; too few for the nodes that an update with create_first adds",
            f"{instead}, or {_ask_for(plan, in_update)}",
        )
    return ok(TITLE, found)


def _ask_for(plan: Plan, vcpus: int) -> str:
    return (
        "ask for more, which may take days: `aws service-quotas request-service-quota-increase"
        f" --region {plan.region} --service-code ec2 --quota-code {_QUOTA}"
        f" --desired-value {vcpus}`"
    )


CHECK = Check(
    TITLE,
    ("servicequotas:GetServiceQuota", running.IAM_ACTION, "ec2:DescribeInstanceTypes"),
    _look,
)
