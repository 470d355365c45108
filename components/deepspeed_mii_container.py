"""DeepSpeed-MII (FastGen) in a container: the image is `images/deepspeed-mii`.

Flags and behaviour are those of deepspeed-mii 0.3.3 (entrypoints/openai_api_server.py,
config.py, backend/server.py). It has no metrics, no admission limit and no flag for a revision,
for memory or for the number of sequences.
"""

import math

from pulumi_kubernetes import core

from components.engine_pod import (
    CACHE,
    PORT,
    PRESTOP_S,
    EnginePod,
    from_secret,
    locked_down,
    sleep_before_stop,
)
from components.weights_source import FILE_SYSTEM_VOLUME
from stacks.settings.model_weights import FsxLustreWeights

CONTAINER = "deepspeed-mii"

_MODELS = f"{CACHE}/models"
"""The server's working folder: the model's id in requests is its path, relative to here."""

_FIRST_RANK_PORT = 50051
"""Of the model's processes; open while all of them live."""

_PROBE_PERIOD_S = 10


def before_serving(pod: EnginePod) -> list[core.v1.ContainerArgs]:
    """MII takes whatever revision is newest, so the pinned one is there before it starts."""
    if isinstance(pod.weights.settings, FsxLustreWeights):
        return []
    little = {"cpu": "4", "memory": "8Gi", "ephemeral-storage": "1Gi"}
    model = pod.settings.model
    download = core.v1.ContainerArgs(
        name="weights",
        image=pod.settings.image,
        command=["hf", "download", model],
        # Mistral's own copies of the weights (consolidated.*.pt) would double the download.
        args=[
            f"--revision={pod.settings.revision}",
            f"--local-dir={_MODELS}/{model}",
            *(f"--include={files}" for files in ("*.safetensors", "*.json", "tokenizer.model")),
        ],
        env=pod.weights.environment(),
        resources=core.v1.ResourceRequirementsArgs(requests=little, limits=little),
        security_context=locked_down(),
        volume_mounts=_mounts(pod),
    )
    return [download]


def serving(pod: EnginePod) -> core.v1.ContainerArgs:
    settings = pod.settings
    return core.v1.ContainerArgs(
        name=CONTAINER,
        image=settings.image,
        working_dir=_MODELS,
        args=[
            f"--model={settings.model}",
            f"--deployment-name={settings.server_name}",
            f"--tensor-parallel={settings.tensor_parallel_size}",
            f"--max-length={settings.max_model_len}",
            f"--port={PORT}",
        ],
        env=_environment(pod),
        ports=[core.v1.ContainerPortArgs(name="http", container_port=PORT)],
        resources=pod.quantities(),
        # /health opens when the model is loaded, and never looks at it again.
        startup_probe=_probe(math.ceil(pod.weights.startup_s / _PROBE_PERIOD_S)),
        readiness_probe=_probe(3),
        # The launcher ends all ranks when one fails, and this port with them.
        liveness_probe=core.v1.ProbeArgs(
            tcp_socket=core.v1.TCPSocketActionArgs(port=_FIRST_RANK_PORT),
            period_seconds=_PROBE_PERIOD_S,
            failure_threshold=6,
        ),
        lifecycle=sleep_before_stop(PRESTOP_S),
        security_context=locked_down(),
        volume_mounts=_mounts(pod),
    )


def _mounts(pod: EnginePod) -> list[core.v1.VolumeMountArgs]:
    if not isinstance(pod.weights.settings, FsxLustreWeights):
        return pod.mounts()
    folder = core.v1.VolumeMountArgs(
        name=FILE_SYSTEM_VOLUME,
        mount_path=f"{_MODELS}/{pod.settings.model}",
        sub_path=pod.settings.weights_folder,
        read_only=True,
    )
    return [*pod.scratch_mounts(), folder]


def _environment(pod: EnginePod) -> list[core.v1.EnvVarArgs]:
    # The tokenizer is in the folder too; nothing is asked of Hugging Face while it serves.
    environment = [core.v1.EnvVarArgs(name="HF_HUB_OFFLINE", value="1")]
    if pod.settings.api_key_secret is not None:
        # Not --api-keys, which everybody reads who may read the pod.
        environment += [
            from_secret("API_KEY", pod.settings.api_key_secret, "key"),
            core.v1.EnvVarArgs(name="API_KEYS", value='["$(API_KEY)"]'),
        ]
    return environment


def _probe(failure_threshold: int) -> core.v1.ProbeArgs:
    return core.v1.ProbeArgs(
        http_get=core.v1.HTTPGetActionArgs(path="/health", port="http"),
        period_seconds=_PROBE_PERIOD_S,
        timeout_seconds=10,
        failure_threshold=failure_threshold,
    )
