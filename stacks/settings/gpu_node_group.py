"""The nodes of eight GPUs: where their capacity comes from, and what a node is made of."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from catalog import efa_layout, gpu_nodes, instance_types
from catalog.section import Section
from stacks.settings.section import AmiReleaseVersion, Zone, refused

InstanceTypeName = Annotated[
    str, AfterValidator(lambda name: instance_types.instance_type(name).name)
]
ReservationId = Annotated[str, StringConstraints(pattern=r"^cr-[0-9a-f]{17}$")]

_NAME = r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?"
LabelKey = Annotated[
    str,
    StringConstraints(pattern=rf"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?{_NAME}$", max_length=63),
]
LabelValue = Annotated[str, StringConstraints(pattern=rf"^({_NAME})?$", max_length=63)]


class OnDemand(Section):
    """Whatever EC2 has at the moment: for A100s often nothing."""

    kind: Literal["on_demand"] = "on_demand"
    """`on_demand`"""


class Reservation(Section):
    """An On-Demand Capacity Reservation, or a resource group of them."""

    kind: Literal["reservation"]
    """`reservation`"""
    reservation_id: ReservationId | None = None
    """Id of one reservation; this or resource_group_arn."""
    resource_group_arn: (
        Annotated[
            str,
            StringConstraints(pattern=r"^arn:aws[\w-]*:resource-groups:[\w-]+:\d{12}:group/.+$"),
        ]
        | None
    ) = None
    """ARN of a resource group of reservations; this or reservation_id."""

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.reservation_id is None) == (self.resource_group_arn is None):
            raise refused(
                "reservation_id", self.reservation_id, "exactly one of this and resource_group_arn"
            )
        return self


class CapacityBlock(Section):
    """A Capacity Block for ML: paid in advance, with an end, close together by itself."""

    kind: Literal["capacity_block"]
    """`capacity_block`"""
    reservation_id: ReservationId
    """Id of the block's reservation; blocks cannot be in resource groups."""


Capacity = Annotated[OnDemand | Reservation | CapacityBlock, Field(discriminator="kind")]


class CreatedPlacementGroup(Section):
    """A cluster placement group of the stack's own."""

    kind: Literal["create"]
    """`create`"""


class ExistingPlacementGroup(Section):
    """A cluster placement group that is there already, such as a reservation's own."""

    kind: Literal["existing"]
    """`existing`"""
    name: Annotated[str, StringConstraints(pattern=r"^[!-~]([ -~]*[!-~])?$", max_length=255)]
    """Name of the placement group."""


class NoPlacementGroup(Section):
    """EC2 places the nodes anywhere in the zone, or where the reservation is."""

    kind: Literal["none"]
    """`none`"""


PlacementGroup = Annotated[
    CreatedPlacementGroup | ExistingPlacementGroup | NoPlacementGroup,
    Field(discriminator="kind"),
]


class NetworkInterface(Section):
    """One network interface of a node, as the launch template says it."""

    network_card: Annotated[int, Field(ge=0, le=127)]
    """Index of the network card."""
    device_index: Annotated[int, Field(ge=0, le=127)]
    """Index of the device on the card."""
    type: Literal["interface", "efa", "efa-only"]
    """`efa` carries IP and EFA traffic, `efa-only` no IP, `interface` no EFA."""


class EfaSettings(Section):
    """Elastic Fabric Adapter: what engines that span nodes talk through."""

    enabled: bool = True
    """Whether nodes have EFA interfaces; one engine on one node never uses them."""
    interfaces: Annotated[tuple[NetworkInterface, ...], Field(min_length=1)] | None = None
    """A layout of your own; none: one interface a network card, the first `efa` and the others
    `efa-only`."""


class UpdateSettings(Section):
    """How EKS replaces nodes when the AMI or the launch template changes."""

    strategy: Literal["create_first", "terminate_first"] = "create_first"
    """`create_first` needs capacity for one more node at a time, `terminate_first` needs none."""
    max_unavailable: Annotated[int, Field(ge=1, le=64)] = 1
    """Nodes that are replaced at once."""


class Taint(Section):
    """A taint beside that of the GPUs."""

    key: LabelKey
    """Key of the taint."""
    value: LabelValue = ""
    """Value of the taint."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]
    """Effect of the taint."""

    def toleration(self) -> dict[str, str]:
        return {"key": self.key, "operator": "Equal", "value": self.value, "effect": self.effect}


class GpuNodeGroupSettings(Section):
    """The nodes of eight A100s."""

    instance_type: InstanceTypeName
    """p4d.24xlarge (8 x 40 GB) or p4de.24xlarge (8 x 80 GB)."""
    zone: Zone
    """The one zone of all its nodes: EFA traffic does not leave a zone."""
    capacity: Capacity = OnDemand()
    """How AWS sells the nodes."""
    placement_group: PlacementGroup | None = None
    """Whether the nodes stand close together; none: `create` for on-demand nodes with EFA, else
    `none`."""
    efa: EfaSettings = EfaSettings()
    """EFA interfaces."""
    min_nodes: Annotated[int, Field(ge=0, le=64)]
    """Least number of nodes."""
    desired_nodes: Annotated[int, Field(ge=0, le=64)]
    """Number of nodes at creation; an autoscaler owns it afterwards."""
    max_nodes: Annotated[int, Field(ge=1, le=64)]
    """Largest number of nodes."""
    ami_release_version: AmiReleaseVersion
    """Release of the AL2023 NVIDIA AMI, pinned: a moving one replaces scarce nodes by surprise."""
    update: UpdateSettings = UpdateSettings()
    """How nodes are replaced."""
    node_repair: bool = True
    """Whether EKS replaces a node that its monitoring finds broken."""
    termination_protection: bool = True
    """Whether EC2 refuses to terminate a node by hand; scaling and updates are not hindered."""
    root_volume_gib: Annotated[int, Field(ge=100, le=2000)] = 200
    """Encrypted gp3 root volume; weights go to the instance store, not here."""
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    """Labels of the nodes beside our own."""
    taints: tuple[Taint, ...] = ()
    """Taints of the nodes beside that of the GPUs; everything that must run there tolerates
    them."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.min_nodes <= self.desired_nodes <= self.max_nodes:
            raise refused(
                "desired_nodes",
                self.desired_nodes,
                f"min_nodes {self.min_nodes} to max_nodes {self.max_nodes}",
            )
        if self.update.max_unavailable > self.max_nodes:
            raise refused(
                "update.max_unavailable",
                self.update.max_unavailable,
                f"up to max_nodes {self.max_nodes}",
            )
        return self

    @model_validator(mode="after")
    def _placement_agrees(self) -> Self:
        group = self.placement_group
        if isinstance(self.capacity, CapacityBlock) and group and group.kind != "none":
            raise refused(
                "placement_group.kind",
                group.kind,
                "none: a Capacity Block is close together by itself, and EC2 finds no room that"
                " is in the block and in a placement group",
            )
        if (
            isinstance(self.capacity, OnDemand)
            and self.efa.enabled
            and self.max_nodes > 1
            and self.placement().kind == "none"
        ):
            raise refused(
                "placement_group.kind",
                "none",
                "create or existing beside efa.enabled and several on-demand nodes: engines that"
                " span nodes want them close together, others want no EFA",
            )
        return self

    @model_validator(mode="after")
    def _layout_starts(self) -> Self:
        if self.efa.interfaces is None:
            return self
        if not self.efa.enabled:
            raise refused("efa.enabled", "false", "true beside efa.interfaces")
        cards = instance_types.instance_type(self.instance_type).network_cards
        why = efa_layout.refusal(self.interfaces(), network_cards=cards)
        if why is not None:
            raise refused("efa.interfaces", efa_layout.shown(self.interfaces()), why)
        return self

    @model_validator(mode="after")
    def _marks_are_free(self) -> Self:
        for key in self.labels:
            if key in gpu_nodes.node_labels(efa=True):
                raise refused("labels", key, "labels beside our own")
        marks = [(taint.key, taint.effect) for taint in self.taints]
        for key, effect in marks:
            if key == gpu_nodes.TAINT_KEY or marks.count((key, effect)) > 1:
                raise refused(
                    "taints", f"{key}:{effect}", f"each once, and none on {gpu_nodes.TAINT_KEY}"
                )
        return self

    def interfaces(self) -> list[efa_layout.Interface]:
        """The network interfaces of a node, in the order of the launch template."""
        if self.efa.interfaces is not None:
            return [
                efa_layout.Interface(each.network_card, each.device_index, each.type)
                for each in self.efa.interfaces
            ]
        cards = instance_types.instance_type(self.instance_type).network_cards
        return efa_layout.default(cards) if self.efa.enabled else efa_layout.without_efa()

    def all_labels(self) -> dict[str, str]:
        """Our labels and the setting's."""
        return {**gpu_nodes.node_labels(efa=self.efa.enabled), **self.labels}

    def placement(self) -> CreatedPlacementGroup | ExistingPlacementGroup | NoPlacementGroup:
        """What the setting says, or what follows from capacity and EFA.

        A reservation that was not made in a placement group is not in ours: EC2 would
        answer InsufficientInstanceCapacity beside idle reserved nodes (eksctl#7949).
        """
        if self.placement_group is not None:
            return self.placement_group
        if isinstance(self.capacity, OnDemand) and self.efa.enabled:
            return CreatedPlacementGroup(kind="create")
        return NoPlacementGroup(kind="none")

    def tolerations(self) -> list[dict[str, str]]:
        """What a pod needs to run on these nodes."""
        return [dict(gpu_nodes.TOLERATION), *(taint.toleration() for taint in self.taints)]
