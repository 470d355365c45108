"""How the pods of one engine in a LeaderWorkerSet have to agree.

An engine has as many pods as its group. vLLM starts the same command in each: the leader's has
the API server, the others are headless and wait for it (docs/deployment/frameworks/lws.md). Where
they disagree, the group waits for processes that never come, on nodes that are paid for.
"""

from collections.abc import Sequence

from policies.kubernetes.workloads import Container, Pod
from policies.quantities import quantity
from policies.reading import child, shown
from policies.review import Place, Review, UnreadableError
from policies.servers.server_flags import ServerFlags
from policies.servers.vllm_flags import (
    DATA_PARALLEL,
    EXPERT_PARALLEL,
    HEADLESS,
    NODE_RANK,
    NODES,
    PIPELINE_PARALLEL,
    TENSOR_PARALLEL,
    VllmFlags,
)

_RECREATES = ("RecreateGroupOnPodRestart", "RecreateGroupAfterStart")
_SAME = (TENSOR_PARALLEL, PIPELINE_PARALLEL, DATA_PARALLEL, EXPERT_PARALLEL, NODES)

Server = tuple[Container, ServerFlags]
_VllmServer = tuple[Container, VllmFlags]


def is_group_of_several(pod: Pod) -> bool:
    return pod.role is not None and _size(pod) > 1


def check_group(review: Review, place: Place, servers: Sequence[Server]) -> None:
    """Of the servers of one workload at `place`; nothing where it makes no groups of pods."""
    in_groups = [server for server in servers if server[0].pod.role and server[0].runs]
    if not in_groups:
        return
    pod = in_groups[0][0].pod
    leaders = [server for server in in_groups if server[0].pod.role == "leader"]
    workers = [server for server in in_groups if server[0].pod.role == "worker"]
    for container, flags in leaders or workers:
        with review.reading(container.place):
            _check_size(review, container, flags)
    with review.reading(place):
        if is_group_of_several(pod):
            _check_restart(review, place, pod)
            if len(_vllm(in_groups)) == len(in_groups):
                _check_roles(review, place, pod, _vllm(leaders), _vllm(workers))


def _vllm(servers: Sequence[Server]) -> list[_VllmServer]:
    return [(container, flags) for container, flags in servers if isinstance(flags, VllmFlags)]


def _size(pod: Pod) -> int:
    """Pods of one group; 1 where nothing is said."""
    size = pod.group("size")
    number = quantity(1 if size is None else size)
    if number is None or number < 1 or number % 1:
        raise UnreadableError(f"size {shown(size)} of the group, which is no number of pods")
    return int(number)


def _check_size(review: Review, container: Container, flags: ServerFlags) -> None:
    size, needed = _size(container.pod), flags.pods_of_engine()
    if needed is not None and needed != size:
        review.refuse(
            container.place,
            found=f"an engine on {needed} pods in groups of size {size}",
            allowed=f"a --{NODES} that equals spec.leaderWorkerTemplate.size",
            fix=f"set both to the number of nodes of one engine ({flags.sizes()})",
        )


def _check_restart(review: Review, place: Place, pod: Pod) -> None:
    policy = pod.group("restartPolicy")
    # The API server's own default is the first of them.
    if policy is not None and policy not in _RECREATES:
        review.refuse(
            place,
            found=f"restartPolicy {shown(policy)} of an engine across nodes",
            allowed=f"{_RECREATES[0]}: the others of a group do not notice that one was replaced",
            fix=f"set spec.leaderWorkerTemplate.restartPolicy to {_RECREATES[0]}",
        )


def _check_roles(
    review: Review,
    place: Place,
    pod: Pod,
    leaders: Sequence[_VllmServer],
    workers: Sequence[_VllmServer],
) -> None:
    if pod.group("leaderTemplate") is None:
        if not pod.partial:
            review.refuse(
                place,
                found="one template for the leader and the workers of an engine",
                allowed=f"a leaderTemplate without --{HEADLESS}, and a workerTemplate with it",
                fix="declare both",
            )
        return
    for container, flags in leaders:
        with review.reading(container.place):
            if flags.is_headless():
                review.refuse(
                    container.place,
                    found=f"--{HEADLESS} of a leader",
                    allowed="none: its API server answers for the group",
                    fix=f"leave --{HEADLESS} out of the leader",
                )
    for container, flags in workers:
        with review.reading(container.place):
            _check_worker(review, container, flags)
        for leader in leaders:
            with review.reading(container.place):
                _check_alike(review, leader, (container, flags))


def _check_worker(review: Review, container: Container, flags: VllmFlags) -> None:
    if flags.pods_of_engine() is None or flags.answers_everywhere():
        return
    if flags.text(HEADLESS) != "true":
        review.refuse(
            container.place,
            found=f"a worker without --{HEADLESS}",
            allowed=f"--{HEADLESS}: only the leader has an API server",
            fix=f"add --{HEADLESS} to the worker",
        )
    if flags.visible(NODES) not in (None, "1") and flags.text(NODE_RANK) in (None, "0"):
        review.refuse(
            container.place,
            found=f"--{NODE_RANK} {shown(flags.visible(NODE_RANK))} of a worker",
            allowed="its index in the group; the leader has 0",
            fix=f"set --{NODE_RANK} to $(LWS_WORKER_INDEX)",
        )


def _check_alike(review: Review, leader: _VllmServer, worker: _VllmServer) -> None:
    (leading, of_leader), (working, of_worker) = leader, worker
    for flag in _SAME:
        found, expected = of_worker.visible(flag), of_leader.visible(flag)
        if found != expected:
            review.refuse(
                working.place,
                found=f"--{flag} {shown(found)} of a worker",
                allowed=f"{shown(expected)}, as its leader has",
                fix=f"give both the same --{flag}",
            )
    image, expected = child(working.fields, "image"), child(leading.fields, "image")
    if image != expected:
        review.refuse(
            working.place,
            found=f"image {shown(image)} of a worker",
            allowed=f"{shown(expected)}, as its leader has",
            fix="give both the same image",
        )
