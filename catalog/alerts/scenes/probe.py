"""Alerts from probes, so for engines without metrics too."""

from catalog.alerts.scenes.scene import Scene, series

READY = {"namespace": "m", "pod": "p", "condition": "true"}

SCENES = {
    "ready, then not, then again": Scene(
        "ModelServerNotReady",
        [
            series("kube_pod_status_ready", READY, "1x10 0x10 1x10"),
            series("kube_pod_created", {"namespace": "m", "pod": "p"}, "0x30"),
        ],
        quiet_min=(9, 25),
        firing_min=14,
        labels={"namespace": "m", "pod": "p"},
        description=(
            "m/p was ready before, or had 30 minutes to become it, and is not ready: it gets no"
            " requests."
        ),
    ),
    "never ready": Scene(
        "ModelServerNotReady",
        [
            series("kube_pod_status_ready", READY, "0x60"),
            series("kube_pod_created", {"namespace": "m", "pod": "p"}, "0x60"),
        ],
        quiet_min=(5, 30),
        firing_min=34,
        labels={"namespace": "m", "pod": "p"},
        description=(
            "m/p was ready before, or had 30 minutes to become it, and is not ready: it gets no"
            " requests."
        ),
    ),
}
