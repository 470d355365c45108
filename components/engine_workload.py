"""What keeps the engines running: a Deployment, or a LeaderWorkerSet where one spans nodes.

Both replace one engine at a time and the old one first: a second cannot surge onto GPUs that
the first one holds.
"""

from collections.abc import Mapping

import pulumi
from pulumi_kubernetes import apiextensions, apps, meta

from catalog import efa_image
from components import deepspeed_mii_container, vllm_container
from components.engine_pod import EnginePod
from stacks.settings.engines import DeepSpeedMiiEngine, VllmEngine

ANSWERS = {"app.kubernetes.io/component": "api"}
"""Label of the pods that a Service may send requests to."""
_WORKS = {"app.kubernetes.io/component": "worker"}

LEADER_WORKER_SET = ("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet")
DEPLOYMENT = ("apps/v1", "Deployment")

_SCALED = ["spec.replicas"]
"""Belongs to the autoscaler, where there is one, from the first `up` on."""


def deployment(
    name: str, pod: EnginePod, metadata: meta.v1.ObjectMetaArgs, opts: pulumi.ResourceOptions
) -> apps.v1.Deployment:
    """Engines of one pod each."""
    settings = pod.settings
    match settings.engine:
        case VllmEngine() as engine:
            container = vllm_container.serving(pod, engine)
            init_containers = []
        case DeepSpeedMiiEngine():
            container = deepspeed_mii_container.serving(pod)
            init_containers = deepspeed_mii_container.before_serving(pod)
    return apps.v1.Deployment(
        name,
        metadata=_owned(pod, metadata),
        spec=apps.v1.DeploymentSpecArgs(
            replicas=settings.replicas,
            selector=meta.v1.LabelSelectorArgs(match_labels=dict(pod.labels)),
            strategy=apps.v1.DeploymentStrategyArgs(
                type="RollingUpdate",
                rolling_update=apps.v1.RollingUpdateDeploymentArgs(max_surge=0, max_unavailable=1),
            ),
            progress_deadline_seconds=pod.weights.startup_s + 600,
            revision_history_limit=5,
            template=pod.template(container, role=ANSWERS, init_containers=init_containers),
        ),
        opts=pulumi.ResourceOptions.merge(opts, _patience(pod)),
    )


def leader_worker_set(
    name: str,
    pod: EnginePod,
    engine: VllmEngine,
    metadata: meta.v1.ObjectMetaArgs,
    *,
    efa_interfaces: int,
    opts: pulumi.ResourceOptions,
) -> apiextensions.CustomResource:
    """Engines of one pod a node: torch's processes of all pods are one engine, without Ray.

    The recipe is vLLM's (docs/deployment/frameworks/lws.md, "Multiprocessing"). A pod that
    fails takes its group with it: an engine that lost a stage answers nothing, and does not
    notice (vllm#16259).
    """
    installed = {efa_image.INSTALLER_ANNOTATION: engine.efa_installer or ""}
    check = vllm_container.efa_check(pod)
    leader = pod.template(
        vllm_container.leading(pod, engine, efa_interfaces=efa_interfaces),
        role=ANSWERS,
        init_containers=[check],
        annotations=installed,
    )
    worker = pod.template(
        vllm_container.working(pod, engine, efa_interfaces=efa_interfaces),
        role=_WORKS,
        init_containers=[check, vllm_container.leader_wait(pod)],
        annotations=installed,
    )
    api_version, kind = LEADER_WORKER_SET
    wait = {"pulumi.com/waitFor": "condition=Available"} if pod.settings.replicas else {}
    return apiextensions.CustomResource(
        name,
        api_version=api_version,
        kind=kind,
        metadata=_owned(pod, metadata, wait),
        spec={
            "replicas": pod.settings.replicas,
            "rolloutStrategy": {
                "type": "RollingUpdate",
                "rollingUpdateConfiguration": {"maxUnavailable": 1, "maxSurge": 0},
            },
            # The leader is ready when all stages are: waiting for it would wait for ever.
            "startupPolicy": "LeaderCreated",
            "leaderWorkerTemplate": {
                "size": engine.pipeline_parallel_size,
                "restartPolicy": "RecreateGroupOnPodRestart",
                "leaderTemplate": leader,
                "workerTemplate": worker,
            },
        },
        opts=pulumi.ResourceOptions.merge(opts, _patience(pod)),
    )


def _owned(
    pod: EnginePod, metadata: meta.v1.ObjectMetaArgs, annotations: Mapping[str, str] | None = None
) -> meta.v1.ObjectMetaArgs:
    """Without an autoscaler the stack takes the number of engines back from whoever had it:
    else the first `up` after autoscaling was switched off ends with a conflict."""
    force = {} if pod.settings.autoscaling else {"pulumi.com/patchForce": "true"}
    return meta.v1.ObjectMetaArgs(
        name=metadata.name,
        namespace=metadata.namespace,
        labels=metadata.labels,
        annotations={**(annotations or {}), **force} or None,
    )


def _patience(pod: EnginePod) -> pulumi.ResourceOptions:
    """One engine after the other ends and starts."""
    each_s = pod.termination_s + pod.weights.startup_s + 900
    engines = max(pod.settings.most_replicas, 1)
    return pulumi.ResourceOptions(
        ignore_changes=_SCALED if pod.settings.autoscaling else None,
        custom_timeouts=pulumi.CustomTimeouts(
            create=f"{each_s}s", update=f"{each_s * engines}s", delete=f"{pod.termination_s + 300}s"
        ),
    )
