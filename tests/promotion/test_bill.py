"""Resources in the shape in which `pulumi stack export` and a preview's events have them."""

from typing import Any

from pulumi.runtime.rpc import UNKNOWN

from promotion.bill import Bill, after_preview, of_resources

P4D = 21.957642
_PROVIDER = "urn:pulumi:dev::moe-serving::pulumi:providers:aws::aws"
_COMPONENT = "urn:pulumi:dev::moe-serving::moe-serving:index:GpuNodeGroup::gpu"


def made(kind: str, name: str, inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "urn": f"urn:pulumi:dev::moe-serving::moe-serving:index:GpuNodeGroup${kind}::{name}",
        "type": kind,
        "custom": True,
        "id": f"{name}-id",
        "parent": _COMPONENT,
        "inputs": inputs,
        "provider": f"{_PROVIDER}::956c46b1-0a5b-4052-a98d-8a2d668cf7c1",
        **more,
    }


def provider(region: str = "us-east-1") -> dict[str, Any]:
    return {
        "urn": _PROVIDER,
        "type": "pulumi:providers:aws",
        "custom": True,
        "id": "956c46b1-0a5b-4052-a98d-8a2d668cf7c1",
        "inputs": {"region": region},
    }


def template(**inputs: Any) -> dict[str, Any]:
    return made("aws:ec2/launchTemplate:LaunchTemplate", "gpu", inputs)


def node_group(desired: int = 2, **more: Any) -> dict[str, Any]:
    inputs = {
        "instanceTypes": ["p4d.24xlarge"],
        "launchTemplate": {"id": "gpu-id", "version": "1"},
        "scalingConfig": {"minSize": 1, "desiredSize": desired, "maxSize": 4},
        **more.pop("inputs", {}),
    }
    return made("aws:eks/nodeGroup:NodeGroup", "gpu", inputs, **more)


def nodes(bill: Bill) -> float:
    assert not bill.unread
    return bill.usd_per_hour_of("p4d.24xlarge")


def preview(*steps: tuple[str, dict[str, Any] | None, dict[str, Any] | None]) -> Bill:
    """An event for each operation, old and new state."""
    return after_preview(
        {
            "resourcePreEvent": {
                "metadata": {
                    "op": operation,
                    "urn": (new or old or {})["urn"],
                    "type": (new or old or {})["type"],
                    "old": old,
                    # As the engine has it before each step.
                    "new": new and {**new, "id": ""},
                }
            }
        }
        for operation, old, new in steps
    )


def test_nodes_count_at_the_desired_number() -> None:
    assert nodes(of_resources([provider(), template(), node_group()])) == 2 * P4D


def test_the_number_of_an_autoscaler_does_not_count() -> None:
    scaled = {"scalingConfig": {"minSize": 1, "desiredSize": 4, "maxSize": 4}}
    assert nodes(of_resources([provider(), template(), node_group(outputs=scaled)])) == 2 * P4D


def test_a_reservation_is_paid_for_in_full() -> None:
    target = {"capacityReservationTarget": {"capacityReservationId": "cr-1"}}
    reserved = template(capacityReservationSpecification=target)
    assert nodes(of_resources([provider(), reserved, node_group()])) == 4 * P4D


def test_a_new_template_is_found_beside_its_group() -> None:
    """Its id is known to nobody, and an event tells of no dependencies."""
    target = {"capacityReservationTarget": {"capacityReservationId": "cr-1"}}
    reserved = template(capacityReservationSpecification=target)
    elsewhere = template() | {"urn": "urn:of:another::one", "parent": "urn:of:another"}
    group = node_group(inputs={"launchTemplate": {"id": UNKNOWN, "version": UNKNOWN}})
    created = [("create", None, each) for each in (provider(), elsewhere, reserved, group)]
    assert nodes(preview(*created)) == 4 * P4D


def test_one_that_stays_is_found_by_its_id() -> None:
    target = {"capacityReservationTarget": {"capacityReservationId": "cr-1"}}
    reserved = template(capacityReservationSpecification=target) | {"parent": "urn:of:another"}
    present = (provider(), reserved, node_group())
    assert nodes(preview(*[("same", each, each) for each in present])) == 4 * P4D


def test_what_a_preview_deletes_is_gone_and_what_it_replaces_is_there_once() -> None:
    old, new = node_group(1), node_group(3)
    replaced = preview(
        ("same", provider(), provider()),
        ("same", template(), template()),
        ("create-replacement", old, new),
        ("replace", old, new),
        ("delete-replaced", old, None),
    )
    assert nodes(replaced) == 3 * P4D
    assert nodes(preview(("same", provider(), provider()), ("delete", old, None))) == 0


def test_one_that_waits_for_its_deletion_is_not_counted_twice() -> None:
    old = node_group(1) | {"delete": True}
    assert nodes(of_resources([provider(), template(), node_group(), old])) == 2 * P4D


def test_what_cannot_be_read_is_named() -> None:
    bill = of_resources([node_group()])
    assert bill.usd_per_hour == 0
    (words,) = bill.unread
    assert words.startswith('NodeGroup "gpu": region of it and of its provider')


def test_what_has_no_price_is_counted_apart() -> None:
    unknown = node_group(inputs={"instanceTypes": ["p5.48xlarge"]})
    bill = of_resources([provider(), template(), unknown])
    assert (bill.unpriced, bill.usd_per_hour) == ({"p5.48xlarge": 2}, 0)
