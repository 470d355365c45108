"""An engine on two nodes as components/engine_workload.py declares it, and what is around it."""

from collections.abc import Mapping
from typing import Any

from pulumi_policy import PolicyResource

from catalog.efa_image import INSTALLER_ANNOTATION
from tests.policies.efa_stack import Stack
from tests.policies.engine_input import DIGEST, GPU, MIXTRAL_LARGE, TYPES, pod, resource, server

EFA = "vpc.amazonaws.com/efa"
OWN_IMAGE = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/vllm-efa@{DIGEST}"
LABELS = {"app": "moe"}
SIZES = ["-tp=8", "-pp=2", "--nnodes=2", "--node-rank=$(LWS_WORKER_INDEX)"]
LEADS = [*SIZES, "--shutdown-timeout=120"]
WORKS = [*SIZES, "--headless"]
AMOUNTS = {GPU: "8", "memory": "640Gi", EFA: "4", "hugepages-2Mi": "5120Mi"}
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
BUDGET = "kubernetes:policy/v1:PodDisruptionBudget"


def member(*flags: Any, prestop_s: Any = 15, **fields: Any) -> dict[str, Any]:
    """The container of one pod of the engine."""
    given = {
        "image": OWN_IMAGE,
        "resources": {"limits": AMOUNTS, "requests": AMOUNTS},
        "lifecycle": {"preStop": {"sleep": {"seconds": prestop_s}}},
        **fields,
    }
    return server(*flags, model=MIXTRAL_LARGE, **given)


def template(
    container: Any, *, annotations: Any = None, labels: Any = None, **fields: Any
) -> dict[str, Any]:
    given = {INSTALLER_ANNOTATION: "1.51.0"} if annotations is None else annotations
    return {
        "metadata": {"labels": LABELS if labels is None else labels, "annotations": given},
        "spec": pod(container, **{"terminationGracePeriodSeconds": 165, **fields}),
    }


def group(
    leader: Any = None, worker: Any = None, *, size: Any = 2, **of_group: Any
) -> dict[str, Any]:
    """Properties of the LeaderWorkerSet; a container, or a whole template."""
    leader = member(*LEADS) if leader is None else leader
    worker = member(*WORKS, prestop_s=135) if worker is None else worker
    return {
        "kind": "LeaderWorkerSet",
        "metadata": {"name": "moe", "namespace": "serving"},
        "spec": {
            "leaderWorkerTemplate": {
                "size": size,
                "restartPolicy": "RecreateGroupOnPodRestart",
                "leaderTemplate": leader if "spec" in leader else template(leader),
                "workerTemplate": worker if "spec" in worker else template(worker),
                **of_group,
            }
        },
    }


def around(
    kind: str, spec: Mapping[str, Any] | None = None, namespace: Any = "serving"
) -> PolicyResource:
    """A NetworkPolicy or a PodDisruptionBudget for the engine's pods."""
    selector = "podSelector" if kind == NETWORK_POLICY else "selector"
    props = {
        "metadata": {"name": "moe", "namespace": namespace},
        "spec": {selector: {"matchLabels": LABELS}} if spec is None else spec,
    }
    return resource(kind, "moe", props)


def stack(props: Mapping[str, Any], *more: PolicyResource, kind: str = "LeaderWorkerSet") -> Any:
    """Two EFA nodes with the engine; `more` in place of its NetworkPolicy and its budget."""
    others = more or (around(NETWORK_POLICY), around(BUDGET))
    return [*Stack().resources, resource(TYPES[kind], "model-server", props), *others]
