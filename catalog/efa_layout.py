"""Layouts of a node's network interfaces that EC2 starts.

The first interface carries the node's address, so it is card 0, device 0 and never
`efa-only`. Two layouts are in use: EFA on the first interface and device 1 of the
other cards (terraform-aws-eks, pulumi-eks), or a plain first interface with
`efa-only` beside it (docs of EC2, "efa-acc-inst-types"). A wrong device index fails
at launch, after the node group was created (terraform-aws-eks#2654).
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

InterfaceType = Literal["interface", "efa", "efa-only"]

ALLOWED = (
    "card 0 device 0 `efa` and the other cards device 1 `efa` or `efa-only`;"
    " or card 0 device 0 `interface`, card 0 device 1 and the other cards device 0 `efa-only`"
)


class Interface(NamedTuple):
    """One interface; `device_index` counts on its card."""

    network_card: int
    device_index: int
    type: str


def default(network_cards: int) -> list[Interface]:
    """One EFA a card, of which only the first takes IP addresses of the subnet."""
    others = [Interface(card, 1, "efa-only") for card in range(1, network_cards)]
    return [Interface(0, 0, "efa"), *others]


def without_efa() -> list[Interface]:
    return [Interface(0, 0, "interface")]


def starts(interfaces: Sequence[Interface]) -> bool:
    """Whether EC2 starts an instance with EFA in this layout."""
    kinds = {(each.network_card, each.device_index): each.type for each in interfaces}
    cards = {each.network_card for each in interfaces}
    others = range(1, len(cards))
    if cards != set(range(len(cards))) or len(kinds) != len(interfaces):
        return False
    if kinds.get((0, 0)) == "efa":
        places = {(0, 0), *((card, 1) for card in others)}
        return kinds.keys() == places and set(kinds.values()) <= {"efa", "efa-only"}
    if kinds.pop((0, 0), None) != "interface":
        return False
    places = {(0, 1), *((card, 0) for card in others)}
    return kinds.keys() == places and set(kinds.values()) == {"efa-only"}


def efa_count(interfaces: Sequence[Interface]) -> int:
    return sum(each.type != "interface" for each in interfaces)


def refusal(interfaces: Sequence[Interface], *, network_cards: int) -> str | None:
    """What would be allowed in place of these interfaces; None where they are right."""
    if not starts(interfaces):
        return ALLOWED
    if efa_count(interfaces) != network_cards:
        return f"{network_cards} EFA interfaces, one for each network card of the instance type"
    return None


def shown(interfaces: Sequence[Interface]) -> str:
    return ", ".join(
        f"card {each.network_card} device {each.device_index} `{each.type}`" for each in interfaces
    )
