"""What a release must have shown before it comes to this stack, and who says so."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from catalog.section import Section
from catalog.waivers import Exemption
from stacks.settings.section import refused

StackName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]+$", max_length=100)]

# Files are called so, and ssh-keygen is asked for it: no path, no option, no pattern-list.
APPROVER_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._+@-]{0,99}$"
"""What a name of an approver is made of."""
ApproverName = Annotated[str, StringConstraints(pattern=APPROVER_PATTERN)]
WaivableGate = Literal[
    "record",
    "order",
    "soak",
    "source drift",
    "target drift",
    "alert rules",
    "alert tests",
    "cost",
    "alerts quiet",
]


class GateWaiver(Exemption):
    """Lets one gate of promotions to this stack pass until a day."""

    gate: WaivableGate
    """Name of the gate as a report has it."""


class Promotion(Section):
    """What a release must have shown before it comes to this stack."""

    source: StackName | None = None
    """The stack that releases come from; none where this stack is the first."""
    soak_hours: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 24.0
    """How long the source must have run exactly the release, with no other change, in hours."""
    approvals: Annotated[int, Field(ge=0)] = 0
    """How many approvers must have signed; the author of the release or of the promotion does not
    count."""
    approvers: tuple[ApproverName, ...] = ()
    """Who may approve: names as releases/allowed_signers has them, best the mail addresses that git
    has, as authors are known by those."""
    max_cost_increase_usd_per_hour: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Largest rise of the stack's cost by the hour at its first number of nodes, in US dollars."""
    prometheus_url: (
        Annotated[str, StringConstraints(pattern=r"^https?://[^\s@/?#]+(/[^\s@?#]*)?$")] | None
    ) = None
    """Address of this stack's own Prometheus, asked whether its alerts were quiet when a release
    moves on from here; a token, where it wants one, is in the file that PROMETHEUS_TOKEN_FILE
    names."""
    waivers: tuple[GateWaiver, ...] = ()
    """Gates that are let pass, each until a day."""

    @model_validator(mode="after")
    def _enough_approvers(self) -> Self:
        if self.approvals > len(set(self.approvers)):
            raise refused(
                "approvals",
                self.approvals,
                f"at most {len(set(self.approvers))}, the number of approvers",
            )
        return self
