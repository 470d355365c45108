"""Hypothesis strategies: what a user may write in a stack file, right or wrong."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from catalog import efa_layout
from catalog.instance_types import INSTANCE_TYPES
from catalog.models import MODELS

Sections = Mapping[str, Mapping[str, Any]]

RESERVATION = "cr-0123456789abcdef0"
RESOURCE_GROUP = "arn:aws:resource-groups:us-east-1:123456789012:group/a100"
ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
DIGEST = f"sha256:{'3' * 64}"


def _layout(interfaces: list[efa_layout.Interface]) -> list[dict[str, Any]]:
    keys = ("network_card", "device_index", "type")
    return [dict(zip(keys, each, strict=True)) for each in interfaces]


_FOUR_CARDS = efa_layout.default(4)
_LAYOUTS = st.sampled_from(
    [
        _layout(_FOUR_CARDS),
        _layout([each._replace(type="efa") for each in _FOUR_CARDS]),
        _layout(
            [efa_layout.Interface(0, 0, "interface"), efa_layout.Interface(0, 1, "efa-only")]
            + [efa_layout.Interface(card, 0, "efa-only") for card in (1, 2, 3)]
        ),
        _layout(_FOUR_CARDS[:2]),
        _layout([each._replace(device_index=each.network_card) for each in _FOUR_CARDS]),
        _layout([_FOUR_CARDS[0], _FOUR_CARDS[0]]),
    ]
)

_CAPACITIES = st.sampled_from(
    [
        {"kind": "on_demand"},
        {"kind": "reservation", "reservation_id": RESERVATION},
        {"kind": "reservation", "resource_group_arn": RESOURCE_GROUP},
        {"kind": "reservation"},
        {"kind": "capacity_block", "reservation_id": RESERVATION},
        {"kind": "spot"},
    ]
)
_PLACEMENTS = st.sampled_from(
    [{"kind": "create"}, {"kind": "existing", "name": "a100s"}, {"kind": "none"}]
)
_EFA = st.one_of(
    st.fixed_dictionaries({"enabled": st.booleans()}),
    st.fixed_dictionaries({"interfaces": _LAYOUTS}),
)
_TAINTS = st.lists(
    st.fixed_dictionaries(
        {
            "key": st.sampled_from(["team", "example.com/dedicated", "nvidia.com/gpu"]),
            "value": st.sampled_from(["", "search"]),
            "effect": st.sampled_from(["NoSchedule", "PreferNoSchedule", "NoExecute"]),
        }
    ),
    max_size=2,
)
_GPU_NODE_GROUP = st.fixed_dictionaries(
    {},
    optional={
        "instance_type": st.sampled_from([*INSTANCE_TYPES, "p3dn.24xlarge"]),
        "zone": st.sampled_from(["us-east-1a", "us-east-1b"]),
        "capacity": _CAPACITIES,
        "placement_group": _PLACEMENTS,
        "efa": _EFA,
        "min_nodes": st.integers(0, 3),
        "max_nodes": st.integers(1, 4),
        "update": st.fixed_dictionaries(
            {"strategy": st.sampled_from(["create_first", "terminate_first"])},
            optional={"max_unavailable": st.integers(1, 3)},
        ),
        "node_repair": st.booleans(),
        "termination_protection": st.booleans(),
        "labels": st.sampled_from([{}, {"team": "search"}, {"moe-serving/node": "mine"}]),
        "taints": _TAINTS,
    },
)
_WEIGHTS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"kind": "instance_store"},
        {"kind": "instance_store", "hugging_face_token_secret": "hugging-face"},
        {"kind": "s3"},
        {"kind": "s3", "bucket": "weights-of-ours", "prefix": "a/b"},
        {"kind": "fsx_lustre"},
        {"kind": "fsx_lustre", "bucket": "weights-of-ours", "storage_gib": 4800},
        {"kind": "fsx_lustre", "storage_gib": 3000},
    ]
)
_EXPERT_PARALLEL = st.fixed_dictionaries(
    {},
    optional={
        "data_parallel_size": st.sampled_from([1, 2, 4, 8]),
        "redundant_experts": st.sampled_from([0, 2, 8]),
    },
)
_ENGINES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries(
        {"kind": st.just("vllm")},
        optional={
            "pipeline_parallel_size": st.sampled_from([1, 2, 3]),
            "efa_installer": st.sampled_from(["1.51.0", "1.28.0"]),
            "expert_parallel": _EXPERT_PARALLEL,
            "expert_metrics": st.booleans(),
            "gpu_memory_utilization": st.sampled_from([0.5, 0.9, 0.95, 0.99]),
            "max_num_seqs": st.sampled_from([64, 256, 1024]),
            "max_num_batched_tokens": st.sampled_from([2048, 8192]),
            "max_queued_requests": st.sampled_from([1, 512]),
            "max_queued_tokens": st.just(100_000),
        },
    ),
    st.just({"kind": "deepspeed_mii"}),
    st.just({"kind": "tgi"}),
)
_AUTOSCALING = st.fixed_dictionaries(
    {"max_replicas": st.integers(2, 4)},
    optional={
        "waiting_requests": st.sampled_from([1, 5]),
        "scale_down_window_s": st.sampled_from([300, 1800]),
    },
)
_MODEL_SERVER = st.fixed_dictionaries(
    {},
    optional={
        "engine": _ENGINES,
        "autoscaling": _AUTOSCALING,
        "api_key_secret": st.just("api-key"),
        "external_secret_store": st.just("vault"),
        "model": st.sampled_from(list(MODELS)),
        "tensor_parallel_size": st.sampled_from([1, 2, 4, 8]),
        "max_model_len": st.sampled_from([2048, 8192, 32768, 65536]),
        "replicas": st.integers(0, 3),
        "memory_gib": st.sampled_from([64, 320, 640, 1100]),
        "image": st.sampled_from([f"{ECR}/vllm@{DIGEST}", f"vllm/vllm-openai@{DIGEST}"]),
    },
)
_ACROSS_NODES = {"kind": "vllm", "pipeline_parallel_size": 2, "efa_installer": "1.51.0"}
_EFA_IMAGE = f"{ECR}/vllm-efa@{DIGEST}"
_WORKING_SERVERS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"engine": _ACROSS_NODES, "image": _EFA_IMAGE},
        {
            "engine": {**_ACROSS_NODES, "expert_parallel": {}},
            "image": _EFA_IMAGE,
            "model": "mistralai/Mixtral-8x22B-Instruct-v0.1",
        },
        {"engine": {"kind": "vllm", "expert_parallel": {}}},
        {
            "engine": {
                "kind": "vllm",
                "expert_parallel": {"data_parallel_size": 4},
                "expert_metrics": True,
            },
            "tensor_parallel_size": 2,
        },
        {"engine": {"kind": "deepspeed_mii"}},
        {"autoscaling": {"max_replicas": 2}, "api_key_secret": "api-key"},
    ]
)
"""What works beside the rest of stack `local`: drawn key by key it hardly ever would."""

_CHARTS = st.fixed_dictionaries(
    {}, optional={"image_registry": st.sampled_from([f"{ECR}/mirror", "registry.example.com"])}
)
_NETWORK = st.fixed_dictionaries(
    {}, optional={"nat_gateways": st.sampled_from(["none", "one", "one_per_zone"])}
)
_CLUSTER = st.fixed_dictionaries(
    {},
    optional={
        "vpc_cni_version": st.sampled_from(["v1.20.4-eksbuild.1", "v1.18.1-eksbuild.1"]),
        "public_endpoint_cidrs": st.sampled_from([[], ["203.0.113.0/24"], ["0.0.0.0/0"]]),
    },
)


def drawn_sections() -> st.SearchStrategy[Sections]:
    """Changes to stack `local`, section by section; a drawn `model_weights` replaces its own."""
    return st.fixed_dictionaries(
        {},
        optional={
            "gpu_node_group": _GPU_NODE_GROUP,
            "model_weights": _WEIGHTS,
            "model_server": st.one_of(_MODEL_SERVER, _WORKING_SERVERS),
            "charts": _CHARTS,
            "network": _NETWORK,
            "cluster": _CLUSTER,
        },
    )
