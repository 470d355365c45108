"""A server that has to go finishes what it answers, and its successor finds GPUs.

Endpoints forget a pod some seconds after it is told to end: a preStop hook waits for them. vLLM
then aborts what runs, unless --shutdown-timeout lets it finish (vllm#24885), and Kubernetes
kills what takes longer than the grace period. TGI goes on for up to 90 seconds, Triton for
--exit-timeout-secs, SGLang as long as it is let. A headless vLLM ends at once (cli/serve.py,
`run_headless`), and ends what its leader still drains. A rollout that starts the new pod first
waits for ever where the old one holds the GPUs (LLMKube#192, airunway#400).
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType

from pulumi_policy import PolicyResource, Severity, StackValidationPolicy

from catalog.gpu_nodes import GPU_RESOURCE
from policies.kubernetes.label_selectors import is_selected
from policies.kubernetes.termination import grace_s, prestop_s
from policies.kubernetes.workloads import Container, Pod
from policies.quantities import quantity
from policies.reading import child, shown
from policies.review import Config, Review, of_stack, resource
from policies.servers.llm_servers import llm_servers
from policies.servers.server_flags import ServerFlags
from policies.servers.vllm_flags import SHUTDOWN_TIMEOUT, VllmFlags

Server = tuple[Container, ServerFlags]

_EVICTED = frozenset(
    {"Deployment", "LeaderWorkerSet", "ReplicaSet", "ReplicationController", "StatefulSet"}
)
"""Kinds that keep servers running; a drain of a node leaves the pods of a DaemonSet alone."""
_SURGES: Mapping[str, tuple[tuple[str, ...], str]] = MappingProxyType(
    {
        "DaemonSet": (("updateStrategy", "rollingUpdate", "maxSurge"), "0"),
        "Deployment": (("strategy", "rollingUpdate", "maxSurge"), "25%"),
        "LeaderWorkerSet": (("rolloutStrategy", "rollingUpdateConfiguration", "maxSurge"), "0"),
    }
)
"""Where each kind says how many pods it starts before the old ones end, and its default."""
_SLEEP = "a preStop hook that sleeps until endpoints have forgotten the pod, such as 15 seconds"


def _check(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
    for subject in map(resource, resources):
        servers = _gpu_servers(review, [*llm_servers(review, subject)])
        for server in servers:
            _check_server(review, server, servers)
        for pod in {id(c.pod.template): c.pod for c, _ in servers}.values():
            with review.reading(pod.place):
                _check_budget(review, pod, resources)
        for pod in {id(c.pod.workload): c.pod for c, _ in servers}.values():
            with review.reading(pod.place):
                _check_rollout(review, pod)


def _gpu_servers(review: Review, servers: Sequence[Server]) -> list[Server]:
    """Servers that a workload keeps running, on GPUs."""
    found = []
    for container, flags in servers:
        with review.reading(container.place):
            if (
                container.runs
                and container.pod.kind in _EVICTED | _SURGES.keys()
                and (quantity(container.quantities("limits", GPU_RESOURCE)) or 0) > 0
            ):
                found.append((container, flags))
    return found


def _check_server(review: Review, server: Server, servers: Sequence[Server]) -> None:
    container, flags = server
    with review.reading(container.place):
        _check_prestop(review, container, flags, servers)
    with review.reading(container.place):
        _check_timeout(review, container, flags)
    with review.reading(container.place):
        _check_grace(review, container, flags)


def _check_prestop(
    review: Review, container: Container, flags: ServerFlags, servers: Sequence[Server]
) -> None:
    seconds = prestop_s(container)
    if seconds is None and container.partial:
        return
    if not seconds:
        review.refuse(
            container.place,
            found="no preStop hook" if seconds is None else "a preStop hook of 0 seconds",
            allowed=_SLEEP,
            fix="set lifecycle.preStop.sleep.seconds",
        )
        return
    if container.pod.role != "worker" or not _is_headless(flags):
        return
    for leading, of_leader in servers:
        if leading.pod.role == "leader" and leading.pod.workload is container.pod.workload:
            least = (prestop_s(leading) or Decimal(0)) + of_leader.drain_s()
            if seconds < least:
                review.refuse(
                    container.place,
                    found=f"a preStop hook of {_whole(seconds)} seconds of a worker",
                    allowed=f"{_whole(least)} or more, preStop and --{SHUTDOWN_TIMEOUT} of its"
                    " leader: a worker that ends first ends what the leader still answers",
                    fix=f"set lifecycle.preStop.sleep.seconds of the worker to {_whole(least)}",
                )


def _check_timeout(review: Review, container: Container, flags: ServerFlags) -> None:
    if not isinstance(flags, VllmFlags) or flags.is_headless():
        return
    if flags.text(SHUTDOWN_TIMEOUT) is None:
        review.refuse(
            container.place,
            found=f"no --{SHUTDOWN_TIMEOUT}, so vLLM aborts what runs",
            allowed="seconds in which it finishes; 0 where that is meant",
            fix=f"add --{SHUTDOWN_TIMEOUT}, such as 120",
        )


def _check_grace(review: Review, container: Container, flags: ServerFlags) -> None:
    given = child(container.pod.spec, "terminationGracePeriodSeconds")
    if given is None and container.partial:
        return
    least = (prestop_s(container) or Decimal(0)) + flags.drain_s()
    if grace_s(container.pod) <= least:
        review.refuse(
            container.place,
            found=f"terminationGracePeriodSeconds {_whole(grace_s(container.pod))}",
            allowed=f"more than {_whole(least)}, which its preStop hook and draining take",
            fix=f"set terminationGracePeriodSeconds of the pod to {_whole(least + 30)}",
        )


def _is_headless(flags: ServerFlags) -> bool:
    return isinstance(flags, VllmFlags) and flags.is_headless()


def _whole(seconds: Decimal) -> str:
    return shown(float(seconds))


def _check_rollout(review: Review, pod: Pod) -> None:
    if pod.kind not in _SURGES:
        return
    path, default = _SURGES[pod.kind]
    strategy = child(pod.workload, "spec", path[0])
    if child(strategy, "type") in ("OnDelete", "Recreate") or (strategy is None and pod.partial):
        return
    given = child(strategy, *path[1:])
    surge = default if given is None else shown(given)
    if surge.removesuffix("%") != "0":
        review.refuse(
            pod.place,
            found=f"maxSurge {surge} of servers with GPUs",
            allowed="0: the new pod waits for GPUs that the old one holds",
            fix=f"set spec.{'.'.join(path)} to 0, with maxUnavailable of at least 1",
        )


def _check_budget(review: Review, pod: Pod, resources: Sequence[PolicyResource]) -> None:
    if pod.partial or pod.kind not in _EVICTED:
        return
    if not is_selected(pod, "PodDisruptionBudget", resources):
        review.refuse(
            pod.place,
            found="servers with GPUs that no PodDisruptionBudget of the stack selects",
            allowed="one that lets a drain of nodes end one server at a time",
            fix="declare a PodDisruptionBudget with maxUnavailable 1 whose selector matches the"
            " pods' labels",
        )


POLICY = StackValidationPolicy(
    name="kubernetes-llm-server-drains",
    display_name="Servers finish what they answer",
    description="An LLM server on GPUs has a preStop hook, time to finish what it answers, a budget"
    " for disruptions, and a rollout that ends the old pod first.",
    validate=of_stack(_check),
    severity=Severity.HIGH,
    tags=["gpu", "kubernetes", "rollout", "sglang", "tensorrt-llm", "tgi", "triton", "vllm"],
    remediation_steps=f"Set lifecycle.preStop.sleep, --{SHUTDOWN_TIMEOUT} of vLLM and a"
    " terminationGracePeriodSeconds above their sum; maxSurge 0 or strategy Recreate; declare a"
    " PodDisruptionBudget.",
    url="https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/",
)
