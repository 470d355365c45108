"""How GPU nodes are marked, and what must tolerate the mark.

The node group writes the taint and the labels; every pod that must run there
takes its toleration and its selector from here.
"""

from types import MappingProxyType
from typing import Any

GPU_RESOURCE = "nvidia.com/gpu"
EFA_RESOURCE = "vpc.amazonaws.com/efa"

TAINT_KEY = "nvidia.com/gpu"
TAINT_VALUE = "present"
TAINT_EFFECT = "NoSchedule"

# The operator's own daemonsets tolerate exactly this key; any other taint would
# leave them at zero pods without an error.
TOLERATION = MappingProxyType({"key": TAINT_KEY, "operator": "Exists", "effect": TAINT_EFFECT})

NODE_SELECTOR = MappingProxyType({"moe-serving/node": "gpu"})


def node_labels(*, efa: bool) -> dict[str, str]:
    """Labels of a GPU node, with EFA interfaces or without."""
    labels = {**NODE_SELECTOR, "nvidia.com/gpu.present": "true"}
    return {**labels, "vpc.amazonaws.com/efa.present": "true"} if efa else labels


def elsewhere() -> dict[str, Any]:
    """Affinity that keeps a pod off the GPU nodes, where it tolerates every taint too."""
    ((label, value),) = NODE_SELECTOR.items()
    term = {"matchExpressions": [{"key": label, "operator": "NotIn", "values": [value]}]}
    required = {"nodeSelectorTerms": [term]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
