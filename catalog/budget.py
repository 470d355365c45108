"""What a stack may cost by the hour, and at which number of nodes that counts."""

from typing import Annotated, Literal

from pydantic import Field

from catalog.section import Section


class Budget(Section):
    """The largest cost of the stack by the hour; a policy refuses what costs more.

    Counted is what runs by the hour at its price on demand; see `catalog/cost.py`.
    """

    usd_per_hour: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    """Largest cost in US dollars an hour."""
    at: Literal["desired_nodes", "max_nodes"] = "max_nodes"
    """Number of nodes that it is held against: the first one of each group, or the largest."""
