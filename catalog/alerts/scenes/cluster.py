"""Alerts on nodes, the GPU Operator, and pods that cannot start."""

from catalog.alerts.scenes.scene import Scene, series

LEADERS = [{"namespace": "m", "pod": f"mixtral-group-{number}"} for number in range(2)]
WORKER = {"namespace": "m", "pod": "mixtral-group-0-1"}
NODE = {"node": "n"}
VLLM = {"container": "vllm", "uid": "u"}


def ready(pod: dict[str, str], values: str) -> dict[str, str]:
    return series("kube_pod_status_ready", {**pod, "uid": "u", "condition": "true"}, values)


def gpus(name: str, values: str, **labels: str) -> dict[str, str]:
    return series(name, {**NODE, "resource": "nvidia_com_gpu", "unit": "integer", **labels}, values)


def condition(name: str, status: str, values: str) -> dict[str, str]:
    labels = {**NODE, "condition": name, "status": status}
    return series("kube_node_status_condition", labels, values)


SCENES = {
    "no engine becomes ready, then one does; a worker is none": Scene(
        "ModelServerDown",
        [ready(LEADERS[0], "0x40 1x20"), ready(LEADERS[1], "_x40 1x20"), ready(WORKER, "1x60")],
        quiet_min=(29, 45),
        firing_min=35,
        description="No engine of mixtral in m has been ready for 30 minutes: nobody is served.",
    ),
    "one engine of two is ready, then both": Scene(
        "ModelServerEnginesMissing",
        [ready(LEADERS[0], "1x90"), ready(LEADERS[1], "0x70 1x20"), ready(WORKER, "1x90")],
        quiet_min=(59, 75),
        firing_min=65,
        labels={"namespace": "m"},
        description=(
            "1 of 2 engines of mixtral in m are ready, and have been too few for 60 minutes."
        ),
    ),
    "a rollout takes one engine after the other away for 25 minutes": Scene(
        "ModelServerEnginesMissing",
        [ready(LEADERS[0], "1x10 0x24 1x40"), ready(LEADERS[1], "1x35 0x24 1x15")],
        quiet_min=(45, 59, 70),
    ),
    "a worker finds no node, then finds one": Scene(
        "EngineUnschedulable",
        [
            series("kube_pod_status_scheduled", {**WORKER, "condition": "false"}, "1x20 0x20"),
            series("kube_pod_status_scheduled", {**WORKER, "condition": "true"}, "0x20 1x20"),
        ],
        quiet_min=(9, 25),
        firing_min=12,
        labels=WORKER,
        description="m/mixtral-group-0-1 has found no node with the GPUs that it asks for.",
    ),
    "another pod finds no node": Scene(
        "EngineUnschedulable",
        [
            series(
                "kube_pod_status_scheduled",
                {"namespace": "m", "pod": "batch", "condition": "false"},
                "1x40",
            )
        ],
        quiet_min=(12, 30),
    ),
    "three restarts within the hour, then none": Scene(
        "EngineRestarts",
        [
            series(
                "kube_pod_container_status_restarts_total",
                {**LEADERS[0], **VLLM},
                "0x5 1x10 2x10 3x100",
            )
        ],
        quiet_min=(20, 90),
        firing_min=40,
        labels=LEADERS[0],
        description="m/mixtral-group-0 was restarted 3 times within an hour.",
    ),
    "a group is made anew three times: the same pod, another uid": Scene(
        "EngineRestarts",
        [
            series("kube_pod_created", {**LEADERS[0], "uid": "a"}, "1x9 _x100"),
            series("kube_pod_created", {**LEADERS[0], "uid": "b"}, "_x10 2x9 _x100"),
            series("kube_pod_created", {**LEADERS[0], "uid": "c"}, "_x20 3x9 _x100"),
            series("kube_pod_created", {**LEADERS[0], "uid": "d"}, "_x30 4x100"),
            # kube-state-metrics moved, and tells of the same pod under another address.
            series("kube_pod_created", {**LEADERS[0], "uid": "d", "instance": "2"}, "_x31 4x20"),
        ],
        quiet_min=(25, 90),
        firing_min=40,
        labels=LEADERS[0],
        description="m/mixtral-group-0 was restarted 3 times within an hour.",
    ),
    "two restarts": Scene(
        "EngineRestarts",
        [
            series(
                "kube_pod_container_status_restarts_total", {**LEADERS[0], **VLLM}, "0x5 1x10 2x60"
            ),
            series("kube_pod_created", {**LEADERS[0], "uid": "u"}, "1x70"),
        ],
        quiet_min=(20, 50),
    ),
    "killed for lack of memory, an hour ago": Scene(
        "EngineOutOfMemory",
        [
            series(
                "kube_pod_container_status_last_terminated_reason",
                {**LEADERS[0], **VLLM, "reason": "OOMKilled"},
                "_x10 1x100",
            ),
            series(
                "kube_pod_container_status_restarts_total", {**LEADERS[0], **VLLM}, "0x10 1x100"
            ),
        ],
        quiet_min=(9, 80),
        firing_min=15,
        labels={**LEADERS[0], "container": "vllm"},
        description=(
            "Container vllm of m/mixtral-group-0 was killed within the last hour: it needs more"
            " than its limit of memory."
        ),
    ),
    "ended with an error": Scene(
        "EngineOutOfMemory",
        [
            series(
                "kube_pod_container_status_last_terminated_reason",
                {**LEADERS[0], **VLLM, "reason": "Error"},
                "1x30",
            ),
            series("kube_pod_container_status_restarts_total", {**LEADERS[0], **VLLM}, "0x5 1x30"),
        ],
        quiet_min=(10, 20),
    ),
    "parts of the operator are not ready, then they are": Scene(
        "GPUOperatorNotReconciled",
        [series("gpu_operator_reconciliation_status", {"namespace": "o", "pod": "p"}, "0x40 1x20")],
        quiet_min=(29, 45),
        firing_min=35,
        labels={"namespace": "o"},
        description=(
            "The GPU Operator in o says 0: 0 is parts that are not ready, -1 no ClusterPolicy, -2"
            " an error of its own."
        ),
    ),
    "a node offers no GPU, then eight": Scene(
        "GPUNodeOffersNoGPU",
        [series("gpu_operator_node_device_plugin_devices_total", {**NODE, "pod": "p"}, "0x20 8x9")],
        quiet_min=(14, 25),
        firing_min=17,
        labels=NODE,
        description="The device plugin offers no GPU of node n: nothing can run there.",
    ),
    "a GPU is at fault, and the node is repaired": Scene(
        "NodeUnhealthy",
        [
            condition("AcceleratedHardwareReady", "false", "1x15 0x20"),
            condition("AcceleratedHardwareReady", "true", "0x15 1x20"),
        ],
        quiet_min=(4, 20),
        firing_min=7,
        labels={**NODE, "condition": "AcceleratedHardwareReady"},
        description=(
            "Node n has lost AcceleratedHardwareReady: node auto repair restarts or replaces it"
            " soon, with what runs there."
        ),
    ),
    "conditions that are bad when true": Scene(
        "NodeUnhealthy",
        [condition("MemoryPressure", "false", "1x40"), condition("Ready", "true", "1x40")],
        quiet_min=(10, 30),
    ),
    "a GPU is at fault, and nobody repairs it for long": Scene(
        "NodeNotRepaired",
        [condition("AcceleratedHardwareReady", "false", "1x70 0x20")],
        quiet_min=(59, 75),
        firing_min=65,
        labels={**NODE, "condition": "AcceleratedHardwareReady"},
        description=(
            "Node n has been without AcceleratedHardwareReady for an hour, in which node auto"
            " repair should have restarted or replaced it."
        ),
    ),
    "the kubelet is silent": Scene(
        "NodeNotRepaired",
        [condition("Ready", "unknown", "1x90"), condition("Ready", "false", "0x90")],
        quiet_min=(59,),
        firing_min=65,
        labels={**NODE, "condition": "Ready"},
        description=(
            "Node n has been without Ready for an hour, in which node auto repair should have"
            " restarted or replaced it."
        ),
    ),
    "no engine for two hours, then one": Scene(
        "GPUNodeIdle",
        [
            gpus("kube_node_status_capacity", "8x200"),
            gpus("kube_pod_container_resource_requests", "_x150 8x50", **WORKER),
        ],
        quiet_min=(119, 155),
        firing_min=125,
        labels=NODE,
        description=(
            "No pod has asked for one of the 8 GPUs of n for 2 hours, and the node is paid for."
        ),
    ),
    "a node without GPUs has no engine": Scene(
        "GPUNodeIdle",
        [series("kube_node_status_capacity", {**NODE, "resource": "cpu", "unit": "core"}, "4x200")],
        quiet_min=(125, 180),
    ),
    "cordoned for hours, then not": Scene(
        "GPUNodeCordoned",
        [
            gpus("kube_node_status_capacity", "8x300"),
            series("kube_node_spec_unschedulable", NODE, "1x260 0x40"),
        ],
        quiet_min=(239, 270),
        firing_min=245,
        labels=NODE,
        description="Node n has been cordoned for 4 hours.",
    ),
    "a node without GPUs is cordoned": Scene(
        "GPUNodeCordoned",
        [
            series("kube_node_status_capacity", {**NODE, "resource": "cpu"}, "4x300"),
            series("kube_node_spec_unschedulable", NODE, "1x300"),
        ],
        quiet_min=(250, 290),
    ),
}
