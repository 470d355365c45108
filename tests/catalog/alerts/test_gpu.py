"""Alerts from DCGM and the device plugin."""

from pathlib import Path

import pytest

from tests.catalog.alerts.scene import Scene, play, series

SCENES = {
    "the device plugin withdraws a GPU, then brings it back": Scene(
        "GPULost",
        [
            series(
                "kube_node_status_allocatable",
                {"node": "n", "resource": "nvidia_com_gpu"},
                "7x10 8x10",
            )
        ],
        quiet_min=(4, 12),
        firing_min=6,
        labels={"node": "n"},
        description="Node n shows 7 of 8 GPUs.",
    ),
    "DCGM loses a GPU": Scene(
        "GPULost",
        [
            series("DCGM_FI_DEV_GPU_TEMP", {"Hostname": "n", "gpu": str(gpu)}, "40x10")
            for gpu in range(7)
        ],
        quiet_min=(4,),
        firing_min=6,
        # `count by (Hostname)` keeps that label beside the one that the alert adds.
        labels={"node": "n", "Hostname": "n"},
        description="Node n shows 7 of 8 GPUs.",
    ),
    "eight GPUs are all": Scene(
        "GPULost",
        [
            series("DCGM_FI_DEV_GPU_TEMP", {"Hostname": "n", "gpu": str(gpu)}, "40x10")
            for gpu in range(8)
        ],
        quiet_min=(6, 9),
    ),
}


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())
def test_alert(scene: Scene, promtool: Path, tmp_path: Path) -> None:
    play(scene, promtool, tmp_path)
