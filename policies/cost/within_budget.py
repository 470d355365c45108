"""The stack costs no more by the hour than its budget.

The budget is the stack's own (section `budget`), or the platform team's for all stacks
(`usdPerHour`); without either nothing is judged. Counted is what `catalog/prices.py` has a
price for, as `policies/cost/hourly.py` counts it.
"""

from collections.abc import Sequence

from pulumi_policy import PolicyConfigSchema, PolicyResource, Severity, StackValidationPolicy
from pydantic import ValidationError

from catalog import cost, prices
from catalog.budget import Budget
from catalog.cost import Line
from policies import stack_config
from policies.cost.hourly import Running, lines
from policies.reading import shown
from policies.review import Config, Place, Review, of_stack, resource

_SECTION = "budget"
_SIZES = {"desired_nodes": "desiredSize", "max_nodes": "maxSize"}


def _check(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
    place = Place("the stack", "")
    if (budget := _budget(review, place, config)) is None:
        return
    stack = Running(resources, _SIZES[budget.at])
    counted: list[Line] = []
    for member in stack.paid_by_the_hour:
        here = resource(member).place
        with review.reading(here):
            for line in lines(member, stack):
                if line.usd_per_hour is None:
                    review.could_not_check(here, f"what {line.what} costs: {cost.NO_PRICE}")
                counted.append(line)
    usd_per_hour = sum(line.usd_per_hour or 0.0 for line in counted)
    if usd_per_hour > budget.usd_per_hour:
        dearest = max(counted, key=lambda line: line.usd_per_hour or 0.0)
        review.refuse(
            place,
            found=f"{usd_per_hour:.2f} {prices.CURRENCY} an hour at {budget.at}, of which"
            f" {dearest.usd_per_hour or 0.0:.2f} for {dearest.count} {dearest.what}",
            allowed=f"{budget.usd_per_hour:.2f} at prices of {prices.AS_OF}",
            fix="take fewer or smaller nodes, or have the owner of the budget raise it",
        )


def _budget(review: Review, place: Place, config: Config) -> Budget | None:
    """The stack's, else that of the policy configuration."""
    section = stack_config.section(_SECTION)
    if section is None and config.get("usdPerHour") is not None:
        section = {"usd_per_hour": config.get("usdPerHour")}
    if section is None:
        return None
    try:
        return Budget.model_validate(section)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join((_SECTION, *map(str, first["loc"])))
        review.refuse(
            place,
            found=f"{where} {shown(first['input'])} ({first['msg']})",
            allowed="usd_per_hour above 0, and at: desired_nodes or max_nodes",
            fix="correct the section of the stack's file",
        )
        return None


POLICY = StackValidationPolicy(
    name="aws-stack-within-budget",
    display_name="The stack keeps its budget",
    description="What the stack runs by the hour costs no more than the budget of its file, or"
    " than that of the policy configuration.",
    validate=of_stack(_check),
    severity=Severity.MEDIUM,
    tags=["aws", "cost", "eks"],
    remediation_steps="Lower max_nodes, choose a smaller instance type, or have the owner of the"
    " budget raise budget.usd_per_hour in the stack's file.",
    url="https://aws.amazon.com/ec2/pricing/on-demand/",
    config_schema=PolicyConfigSchema(
        properties={
            "usdPerHour": {
                "type": "number",
                "description": "Budget of a stack whose file has none, in US dollars an hour at"
                " the largest number of nodes.",
                "exclusiveMinimum": 0,
            }
        }
    ),
)
