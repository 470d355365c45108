"""Alerts from DCGM and the device plugin: what is wrong with a GPU, or with all of a node.

Names are those of `catalog/dcgm_metrics.csv` and of kube-state-metrics.
"""

from catalog.alerts.rule import Alert, RuleGroup
from catalog.alerts.served import Served


def group(served: Served) -> RuleGroup:
    gpus = served.gpus_per_node
    alerts = (
        Alert(
            name="GPULost",
            # A lost GPU leaves no series behind that could show it: count what is left.
            expression=(
                'max by (node) (kube_node_status_allocatable{resource="nvidia_com_gpu"})'
                f" < {gpus}"
                " or label_replace(count by (Hostname) (DCGM_FI_DEV_GPU_TEMP),"
                f' "node", "$1", "Hostname", "(.+)") < {gpus}'
            ),
            for_="5m",
            severity="critical",
            summary="A node has fewer GPUs than its instance type.",
            description=f"Node {{{{ $labels.node }}}} shows {{{{ $value }}}} of {gpus} GPUs.",
        ),
    )
    return RuleGroup("gpu.rules", alerts)
