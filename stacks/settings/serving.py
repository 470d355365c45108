"""What the served model asks of its nodes, and they of it: checks across sections."""

import math
from dataclasses import astuple
from typing import TYPE_CHECKING

from catalog import (
    batch_size,
    deepspeed_mii,
    efa_image,
    fit_in_words,
    instance_types,
    memory_fit,
    models,
    node_capacity,
    sequence_length,
)
from catalog.instance_types import GpuInstanceType
from catalog.parallel_layout import Refusal, refusals
from stacks.settings.engines import DeepSpeedMiiEngine, VllmEngine
from stacks.settings.model_weights import InstanceStoreWeights, S3Weights
from stacks.settings.section import refused

if TYPE_CHECKING:
    from stacks.settings import Settings

_KEYS = {
    "tensor_parallel_size": "model_server.tensor_parallel_size",
    "pipeline_parallel_size": "model_server.engine.pipeline_parallel_size",
    "expert_parallel": "model_server.engine.expert_parallel",
    "redundant_experts": "model_server.engine.expert_parallel.redundant_experts",
}
"""Where a parameter of a layout is in the stack file."""


def check_engine(settings: "Settings") -> None:
    """The engine can serve the model in this layout, on these nodes."""
    server = settings.model_server
    model = models.model(server.model)
    if isinstance(server.engine, DeepSpeedMiiEngine):
        _check_deepspeed_mii(settings)
    elif (allowed := batch_size.refusal(*astuple(server.step))) is not None:
        tokens = server.engine.max_num_batched_tokens
        raise refused("model_server.engine.max_num_batched_tokens", tokens, allowed)
    for refusal in refusals(model, server.layout):
        raise _as_setting(refusal)
    node = _node(settings)
    if server.tensor_parallel_size > node.gpu_count:
        raise refused(
            _KEYS["tensor_parallel_size"],
            server.tensor_parallel_size,
            f"up to {node.gpu_count}, the GPUs of {node.name}",
        )
    if server.gpus_per_pod > node.gpu_count:
        raise refused(
            "model_server.engine.expert_parallel.data_parallel_size",
            server.layout.data_parallel_size,
            f"up to {node.gpu_count // server.tensor_parallel_size} beside tensor_parallel_size"
            f" {server.tensor_parallel_size}: {node.name} has {node.gpu_count} GPUs",
        )
    if isinstance(server.engine, VllmEngine) and server.nodes_per_engine > 1:
        _check_across_nodes(settings, server.engine)
    if server.counts_experts and model.experts == 1:
        raise refused(
            "model_server.engine.expert_metrics",
            "true",
            f"false for {model.name}: it is dense, and has no experts",
        )
    if model.gated and isinstance(settings.model_weights, InstanceStoreWeights):
        secret = settings.model_weights.hugging_face_token_secret
        if secret is None:
            raise refused(
                "model_weights.hugging_face_token_secret",
                secret,
                f"the Secret with a token that may read {model.name}, which is gated",
            )


def check_memory(settings: "Settings") -> None:
    """Weights and KV cache fit the GPUs, and the pod fits the node."""
    server = settings.model_server
    model = models.model(server.model)
    node = _node(settings)
    if (allowed := sequence_length.refusal(model, server.max_model_len)) is not None:
        raise refused("model_server.max_model_len", server.max_model_len, allowed)
    fit = settings.memory_fit()
    if not fit.fits:
        raise refused("model_server.model", *_does_not_fit(fit, server.gpu_memory_utilization))
    needed_gib = memory_fit.host_memory_needed_gib(
        model, gpus=server.gpus_per_pod, shm_gib=server.shm_gib
    )
    most_gib = node_capacity.memory_for_pods_gib(node, efa=settings.gpu_node_group.efa.enabled)
    if not needed_gib <= server.memory_gib <= most_gib:
        raise refused(
            "model_server.memory_gib",
            server.memory_gib,
            f"{math.ceil(needed_gib)} (weights, /dev/shm and {server.gpus_per_pod} workers) to"
            f" {most_gib} (what a pod can have of {node.name})",
        )
    if server.cpu > node_capacity.cpus_for_pods(node):
        raise refused(
            "model_server.cpu",
            server.cpu,
            f"up to {node_capacity.cpus_for_pods(node)}, what a pod can have of {node.name}",
        )


def check_room(settings: "Settings") -> None:
    """As many engines as are wanted fit on the most nodes there may be."""
    server, gpus = settings.model_server, settings.gpu_node_group
    at_first = settings.engines_on(gpus.desired_nodes)
    if server.nodes_per_engine > 1 and server.replicas > at_first:
        raise refused(
            "model_server.replicas",
            server.replicas,
            f"up to {at_first}: {server.nodes_per_engine} nodes each, on"
            f" gpu_node_group.desired_nodes {gpus.desired_nodes}; with fewer, leaders of two"
            " engines take nodes that the workers of both then wait for",
        )
    most = settings.engines_on(gpus.max_nodes)
    if server.most_replicas <= most:
        return
    key = "autoscaling.max_replicas" if server.autoscaling else "replicas"
    each = (
        f"{server.nodes_per_engine} nodes each"
        if server.nodes_per_engine > 1
        else f"{settings.engines_per_node()} a node, by GPUs, memory and CPU"
    )
    raise refused(
        f"model_server.{key}",
        server.most_replicas,
        f"up to {most}: {each}, on gpu_node_group.max_nodes {gpus.max_nodes}",
    )


def _check_deepspeed_mii(settings: "Settings") -> None:
    server = settings.model_server
    if server.model != deepspeed_mii.MODEL:
        raise refused(
            "model_server.engine.kind",
            "deepspeed_mii",
            f"vllm for {server.model}: DeepSpeed-MII serves {deepspeed_mii.MODEL} alone",
        )
    if isinstance(settings.model_weights, S3Weights):
        raise refused(
            "model_weights.kind", "s3", "instance_store or fsx_lustre: DeepSpeed-MII reads a folder"
        )
    if server.autoscaling is not None:
        raise refused(
            "model_server.autoscaling",
            "on",
            "none for deepspeed_mii: it exports no metric that says when to scale",
        )


def _check_across_nodes(settings: "Settings", engine: VllmEngine) -> None:
    server, gpus = settings.model_server, settings.gpu_node_group
    node = _node(settings)
    if server.gpus_per_pod != node.gpu_count:
        raise refused(
            "model_server.tensor_parallel_size",
            server.tensor_parallel_size,
            f"{node.gpu_count}, all GPUs of {node.name}, where engine.pipeline_parallel_size is"
            f" {engine.pipeline_parallel_size}: only stages talk across nodes",
        )
    if server.layout.data_parallel_size > 1:
        raise refused(
            "model_server.engine.expert_parallel.data_parallel_size",
            server.layout.data_parallel_size,
            "1 where the engine spans nodes",
        )
    if not gpus.efa.enabled:
        raise refused(
            "gpu_node_group.efa.enabled",
            "false",
            f"true where model_server.engine.pipeline_parallel_size is"
            f" {engine.pipeline_parallel_size}: its stages talk through EFA",
        )
    if (allowed := efa_image.refusal_of_installer(engine.efa_installer)) is not None:
        raise refused("model_server.engine.efa_installer", engine.efa_installer, allowed)
    if efa_image.is_stock(server.image):
        raise refused("model_server.image", server.image, efa_image.ALLOWED)


def _node(settings: "Settings") -> GpuInstanceType:
    return instance_types.instance_type(settings.gpu_node_group.instance_type)


def _as_setting(refusal: Refusal) -> Exception:
    return refused(_KEYS[refusal.parameter], refusal.value, refusal.allowed)


def _does_not_fit(fit: memory_fit.MemoryFit, utilization: float) -> tuple[str, str]:
    """What was found and what would be allowed, for the message about memory."""
    found = (
        f"{fit.model.name} on {fit.instance_type.name} with {fit.layout} (need"
        f" {fit.needed_gib:.1f} GiB a GPU: {fit_in_words.shares(fit)}; have"
        f" {fit.budget_gib:.1f} GiB)"
    )
    return found, fit_in_words.fixes(fit, utilization)
