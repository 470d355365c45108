"""A Capacity Block is named in four places, and EKS refuses a node group where one is missing."""

import json

from tests.engine.conftest import Project
from tests.engine.test_diffs import RESERVATION


def test_all_four_places_agree(empty: Project) -> None:
    empty.change(
        "gpu_node_group", capacity={"kind": "capacity_block", "reservation_id": RESERVATION}
    )
    result = empty.preview("--json")
    assert result.returncode == 0, result.stdout + result.stderr
    made = {
        (step["newState"]["type"], step["urn"].rsplit("::", 1)[-1]): step["newState"].get(
            "inputs", {}
        )
        for step in json.loads(result.stdout)["steps"]
    }
    template = made["aws:ec2/launchTemplate:LaunchTemplate", "moe-local-gpu"]
    assert template["instanceMarketOptions"] == {"marketType": "capacity-block"}
    target = template["capacityReservationSpecification"]["capacityReservationTarget"]
    assert target == {"capacityReservationId": RESERVATION}
    assert template["instanceType"] == "p4d.24xlarge"
    assert "placement" not in template
    group = made["aws:eks/nodeGroup:NodeGroup", "moe-local-gpu"]
    assert group["capacityType"] == "CAPACITY_BLOCK"
    assert "instanceTypes" not in group
