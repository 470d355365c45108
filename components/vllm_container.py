"""vLLM in a container: its flags, its environment and its probes.

Flags are those of vLLM 0.33 (engine/arg_utils.py). Numbers are written out, also where a
LeaderWorkerSet would offer a variable: policies read them.
"""

import json
import math

from pulumi_kubernetes import core

from catalog import efa_image, gpu_nodes
from components.engine_pod import (
    CACHE,
    PORT,
    PRESTOP_S,
    EnginePod,
    from_secret,
    locked_down,
    sleep_before_stop,
)
from stacks.settings.engines import ExpertParallel, VllmEngine

CONTAINER = "vllm"

_PROBE_PERIOD_S = 10
_EFA_HUGE_PAGES = "5120Mi"
"""What the EFA driver sets aside on a node, and a pod that uses EFA asks for (EKS, "node-efa")."""


def serving(pod: EnginePod, engine: VllmEngine) -> core.v1.ContainerArgs:
    """An engine on one node."""
    return _container(pod, engine, [*_flags(pod, engine), *_server_flags(pod, engine)])


def leading(pod: EnginePod, engine: VllmEngine, *, efa_interfaces: int) -> core.v1.ContainerArgs:
    """The first stage of an engine across nodes, which answers the requests."""
    flags = [*_flags(pod, engine), *_group_flags(engine), *_server_flags(pod, engine)]
    return _container(pod, engine, flags, efa_interfaces=efa_interfaces)


def working(pod: EnginePod, engine: VllmEngine, *, efa_interfaces: int) -> core.v1.ContainerArgs:
    """Any other stage. It outlives the leader: a headless vLLM ends at once on SIGTERM
    (cli/serve.py, `run_headless`), and the requests that the leader still drains with it."""
    flags = [*_flags(pod, engine), *_group_flags(engine), "--headless"]
    return _container(
        pod,
        engine,
        flags,
        efa_interfaces=efa_interfaces,
        answers=False,
        prestop_s=PRESTOP_S + pod.settings.drain_s,
    )


def efa_check(pod: EnginePod) -> core.v1.ContainerArgs:
    """Ends the pod in seconds, and says why, where the image could talk TCP only."""
    files = (efa_image.PROVIDER_PATH, efa_image.PLUGIN_PATH)
    tests = "; ".join(
        f"test -e {path} || {{ echo 'this image has no {path}: build it with vLLM'\\''s"
        f" docker/Dockerfile.efa' >&2; exit 1; }}"
        for path in files
    )
    return _init_container(pod, "efa-userspace", ["sh", "-c", tests])


def leader_wait(pod: EnginePod) -> core.v1.ContainerArgs:
    """Until the leader's name resolves, which may be after the worker's start
    (dynamo#14116). From there torch's store waits for the leader's port itself."""
    program = (
        "import os, socket, sys, time\n"
        f"end = time.monotonic() + {pod.weights.startup_s}\n"
        "while True:\n"
        "    try:\n"
        "        socket.getaddrinfo(os.environ['LWS_LEADER_ADDRESS'], None)\n"
        "        break\n"
        "    except socket.gaierror as error:\n"
        "        if time.monotonic() > end: sys.exit(f'the leader has no address: {error}')\n"
        "        time.sleep(2)\n"
    )
    return _init_container(pod, "leader-address", ["python3", "-c", program])


def _flags(pod: EnginePod, engine: VllmEngine) -> list[str]:
    """The model and how it is cut: the same on every node of an engine."""
    settings, weights = pod.settings, pod.weights
    flags = [
        # The image's entry point is `vllm serve`.
        weights.location,
        *weights.flags(),
        "--dtype=bfloat16",
        f"--tensor-parallel-size={settings.tensor_parallel_size}",
        f"--gpu-memory-utilization={engine.gpu_memory_utilization}",
        f"--max-model-len={settings.max_model_len}",
        f"--max-num-seqs={engine.max_num_seqs}",
        f"--max-num-batched-tokens={engine.max_num_batched_tokens}",
    ]
    if engine.expert_parallel is not None:
        flags += _expert_flags(engine.expert_parallel)
    return flags


def _expert_flags(experts: ExpertParallel) -> list[str]:
    balancing = {
        "window_size": experts.window_steps,
        "step_interval": experts.rearrange_every_steps,
        "num_redundant_experts": experts.redundant_experts,
    }
    flags = ["--enable-expert-parallel", "--enable-eplb", f"--eplb-config={json.dumps(balancing)}"]
    if experts.data_parallel_size > 1:
        flags.append(f"--data-parallel-size={experts.data_parallel_size}")
    return flags


def _group_flags(engine: VllmEngine) -> list[str]:
    return [
        f"--pipeline-parallel-size={engine.pipeline_parallel_size}",
        "--distributed-executor-backend=mp",
        f"--nnodes={engine.pipeline_parallel_size}",
        # Written into each pod by the LeaderWorkerSet controller.
        "--node-rank=$(LWS_WORKER_INDEX)",
        "--master-addr=$(LWS_LEADER_ADDRESS)",
    ]


def _server_flags(pod: EnginePod, engine: VllmEngine) -> list[str]:
    limits = {
        "max-num-queued-reqs": engine.max_queued_requests,
        "max-num-queued-tokens": engine.max_queued_tokens,
    }
    return [
        f"--served-model-name={pod.settings.server_name}",
        f"--port={PORT}",
        f"--shutdown-timeout={pod.settings.drain_s}",
        *(f"--{flag}={limit}" for flag, limit in limits.items() if limit is not None),
    ]


def _container(
    pod: EnginePod,
    engine: VllmEngine,
    flags: list[str],
    *,
    efa_interfaces: int = 0,
    answers: bool = True,
    prestop_s: int = PRESTOP_S,
) -> core.v1.ContainerArgs:
    efa = {gpu_nodes.EFA_RESOURCE: str(efa_interfaces), "hugepages-2Mi": _EFA_HUGE_PAGES}
    startup = math.ceil(pod.weights.startup_s / _PROBE_PERIOD_S)
    return core.v1.ContainerArgs(
        name=CONTAINER,
        image=pod.settings.image,
        args=flags,
        env=_environment(pod, engine),
        ports=_ports(pod, answers=answers) or None,
        resources=pod.quantities(**(efa if efa_interfaces else {})),
        startup_probe=_probe(startup) if answers else None,
        readiness_probe=_probe(3) if answers else None,
        liveness_probe=_probe(6) if answers else None,
        lifecycle=sleep_before_stop(prestop_s),
        security_context=locked_down(),
        volume_mounts=[
            *pod.mounts(),
            *(pod.expert_metrics.mounts() if pod.expert_metrics else ()),
        ],
    )


def _ports(pod: EnginePod, *, answers: bool) -> list[core.v1.ContainerPortArgs]:
    http = [core.v1.ContainerPortArgs(name="http", container_port=PORT)] if answers else []
    return [*http, *(pod.expert_metrics.container_ports() if pod.expert_metrics else ())]


def _environment(pod: EnginePod, engine: VllmEngine) -> list[core.v1.EnvVarArgs]:
    variables = {
        "HOME": CACHE,
        "HF_HOME": f"{CACHE}/huggingface",
        "VLLM_CACHE_ROOT": f"{CACHE}/vllm",
        "VLLM_NO_USAGE_STATS": "1",
        # vLLM gives up on its own engine after 600 s by default.
        "VLLM_ENGINE_READY_TIMEOUT_S": str(pod.weights.startup_s),
    }
    environment = [core.v1.EnvVarArgs(name=k, value=v) for k, v in variables.items()]
    if engine.pipeline_parallel_size > 1:
        environment += [
            # A provider other than EFA is an error, not a slow start.
            core.v1.EnvVarArgs(name="FI_PROVIDER", value="efa"),
            core.v1.EnvVarArgs(
                name="VLLM_HOST_IP",
                value_from=core.v1.EnvVarSourceArgs(
                    field_ref=core.v1.ObjectFieldSelectorArgs(field_path="status.podIP")
                ),
            ),
        ]
    if pod.expert_metrics is not None:
        environment += pod.expert_metrics.environment()
    if pod.settings.api_key_secret is not None:
        environment.append(from_secret("VLLM_API_KEY", pod.settings.api_key_secret, "key"))
    return [*environment, *pod.weights.environment()]


def _probe(failure_threshold: int) -> core.v1.ProbeArgs:
    return core.v1.ProbeArgs(
        http_get=core.v1.HTTPGetActionArgs(path="/health", port="http"),
        period_seconds=_PROBE_PERIOD_S,
        # A busy API server process answers late, and is not dead.
        timeout_seconds=10,
        failure_threshold=failure_threshold,
    )


def _init_container(pod: EnginePod, name: str, command: list[str]) -> core.v1.ContainerArgs:
    little = {"cpu": "100m", "memory": "128Mi", "ephemeral-storage": "64Mi"}
    return core.v1.ContainerArgs(
        name=name,
        image=pod.settings.image,
        command=command,
        resources=core.v1.ResourceRequirementsArgs(requests=little, limits=little),
        security_context=locked_down(),
    )
