"""The settings of one stack: what `stacks/Pulumi.<stack>.yaml` may say.

Every key of the file is a field here; unknown keys are refused. Reading the
file and wording its errors is `stacks/reading.py`.
"""

import math
from ipaddress import IPv4Network
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from catalog import instance_types, memory_fit, models
from catalog.alert_rules import TTFT_BUCKET_EDGES_S

Zone = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d[a-z]$")]
ImageByDigest = Annotated[
    str, StringConstraints(pattern=r"^[^@\s:]+(:\d+)?[^@\s:]*@sha256:[0-9a-f]{64}$")
]
InstanceTypeName = Annotated[
    str, AfterValidator(lambda name: instance_types.instance_type(name).name)
]
ModelName = Annotated[str, AfterValidator(lambda name: models.model(name).name)]
ChartVersion = Annotated[str, StringConstraints(pattern=r"^v?\d+\.\d+\.\d+$")]


def refused(key: str, value: object, allowed: str) -> PydanticCustomError:
    """The error of a value that is well-formed but not allowed beside the others.

    `key` is relative to the model whose validator raises it.
    """
    return PydanticCustomError(
        "not_allowed",
        "{key} {value} is not allowed; allowed: {allowed}",
        {"key": key, "value": str(value), "allowed": allowed},
    )


def _bucket_edge(seconds: float) -> float:
    if seconds not in TTFT_BUCKET_EDGES_S:
        edges = ", ".join(f"{edge:g}" for edge in TTFT_BUCKET_EDGES_S)
        raise ValueError(f"{seconds:g} is not allowed; allowed: a bucket edge of vLLM: {edges}")
    return seconds


class Section(BaseModel):
    """What every section shares: frozen, no unknown keys, no silent conversions."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )


class AwsSettings(Section):
    """Which account and region the stack lives in."""

    account_id: Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
    """Twelve digits; with credentials of any other account nothing is created."""
    region: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
    """Region of everything in the stack."""


class NetworkSettings(Section):
    """The VPC."""

    cidr_block: IPv4Network
    """Address range of the VPC, /16 to /20; each zone gets a private and a small public part."""
    zones: Annotated[tuple[Zone, ...], Field(min_length=2, max_length=4)]
    """Availability zones with subnets; EKS wants two or more for its control plane."""
    nat_gateways: Literal["none", "one", "one_per_zone"] = "one"
    """How private subnets reach the internet; `none` leaves only the VPC endpoints."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not 16 <= self.cidr_block.prefixlen <= 20:
            raise refused("cidr_block", self.cidr_block, "an IPv4 range from /16 to /20")
        if len(set(self.zones)) != len(self.zones):
            raise refused("zones", list(self.zones), "each zone once")
        return self


class ClusterSettings(Section):
    """The EKS control plane and the nodes that are not for GPUs."""

    kubernetes_version: Annotated[str, StringConstraints(pattern=r"^1\.\d{2}$")]
    """Minor version of Kubernetes, such as "1.35"."""
    public_endpoint_cidrs: tuple[IPv4Network, ...] = ()
    """Addresses that may reach the API server from outside the VPC; none: it stays private."""
    admin_role_arns: tuple[
        Annotated[str, StringConstraints(pattern=r"^arn:aws[\w-]*:iam::\d{12}:role/.+$")], ...
    ] = ()
    """IAM roles that administer the cluster, as EKS access entries."""
    system_instance_type: Annotated[str, StringConstraints(pattern=r"^[a-z]\w*\.\w+$")] = (
        "m6i.xlarge"
    )
    """Instance type of the nodes for operators, Prometheus and CoreDNS."""
    system_nodes: Annotated[int, Field(ge=2, le=20)] = 2
    """How many of them."""
    system_ami_release_version: Annotated[str, StringConstraints(pattern=r"^1\.\d{2}\.\d+-\d{8}$")]
    """Release of the AL2023 AMI for these nodes, pinned."""
    protect: bool = True
    """Whether Pulumi refuses to delete or replace the cluster and its key."""
    log_retention_days: Literal[30, 60, 90, 180, 365, 731] = 90
    """How long control plane logs (audit among them) are kept."""

    @model_validator(mode="after")
    def _not_open_to_everybody(self) -> Self:
        for network in self.public_endpoint_cidrs:
            if network.prefixlen == 0:
                raise refused("public_endpoint_cidrs", network, "ranges of your own")
        return self


class GpuNodeGroupSettings(Section):
    """The nodes of eight A100s."""

    instance_type: InstanceTypeName
    """p4d.24xlarge (8 x 40 GB) or p4de.24xlarge (8 x 80 GB)."""
    zone: Zone
    """The one zone of all its nodes: EFA traffic does not leave a zone."""
    min_nodes: Annotated[int, Field(ge=0, le=64)]
    """Least number of nodes."""
    desired_nodes: Annotated[int, Field(ge=0, le=64)]
    """Number of nodes at creation; an autoscaler owns it afterwards."""
    max_nodes: Annotated[int, Field(ge=1, le=64)]
    """Largest number of nodes."""
    ami_release_version: Annotated[str, StringConstraints(pattern=r"^1\.\d{2}\.\d+-\d{8}$")]
    """Release of the AL2023 NVIDIA AMI, pinned: a moving one replaces scarce nodes by surprise."""
    root_volume_gib: Annotated[int, Field(ge=100, le=2000)] = 200
    """Encrypted gp3 root volume; weights go to the instance store, not here."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.min_nodes <= self.desired_nodes <= self.max_nodes:
            raise refused(
                "desired_nodes",
                self.desired_nodes,
                f"min_nodes {self.min_nodes} to max_nodes {self.max_nodes}",
            )
        return self


class ChartSettings(Section):
    """Versions of the third-party charts; a release moves them from stack to stack."""

    gpu_operator: ChartVersion
    """NVIDIA GPU Operator."""
    aws_efa_k8s_device_plugin: ChartVersion
    """Device plugin that offers vpc.amazonaws.com/efa."""
    kube_prometheus_stack: ChartVersion
    """Prometheus Operator, Prometheus and kube-state-metrics."""


class ModelServerSettings(Section):
    """One served model: vLLM with tensor parallelism inside a node."""

    model: ModelName
    """Hugging Face id of a model in the catalogue."""
    revision: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
    """Commit of the model repository: weights do not change under a running name."""
    image: ImageByDigest
    """vLLM image by digest, repository@sha256:<64 hex digits>; tags move, digests do not."""
    replicas: Annotated[int, Field(ge=1, le=64)]
    """Number of engines."""
    tensor_parallel_size: Literal[1, 2, 4, 8]
    """GPUs that share each weight matrix; the pod asks for as many."""
    gpu_memory_utilization: Annotated[
        float,
        Field(ge=memory_fit.MIN_GPU_MEMORY_UTILIZATION, le=memory_fit.MAX_GPU_MEMORY_UTILIZATION),
    ] = memory_fit.DEFAULT_GPU_MEMORY_UTILIZATION
    """Share of a GPU's memory that vLLM takes."""
    max_model_len: Annotated[int, Field(ge=1024)]
    """Longest prompt plus answer, in tokens."""
    max_num_seqs: Annotated[int, Field(ge=1, le=4096)] = 256
    """Most sequences in one batch."""
    min_full_length_sequences: Annotated[int, Field(ge=1)] = memory_fit.DEFAULT_MIN_SEQUENCES
    """Sequences of max_model_len that the KV cache must hold at once; below 8 the policy
    kubernetes-llm-server-model-fits must be told too (minSequences)."""
    cpu: Annotated[int, Field(ge=8)] = 64
    """CPU cores of the pod, requested and limited."""
    memory_gib: Annotated[int, Field(ge=16)]
    """Host memory of the pod, requested and limited."""
    shm_gib: Annotated[int, Field(ge=2, le=256)] = 16
    """/dev/shm, which NCCL and the workers talk through; part of memory_gib."""
    weights_mib_per_s: Annotated[int, Field(ge=10, le=20000)] = 200
    """Slowest download of the weights that a start must survive."""
    hugging_face_token_secret: (
        Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")] | None
    ) = None
    """Name of a Secret in the model's namespace with key `token`, for gated models."""


class AlertSettings(Section):
    """Thresholds of the alerts, and where their runbooks are."""

    runbook_base_url: Annotated[str, StringConstraints(pattern=r"^https://\S+[^/]$")]
    """Each alert's runbook_url is this, a slash and the alert's name in lower case."""
    kv_cache_usage_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """KV cache use that warns after five minutes; a ratio, as vLLM exports it."""
    waiting_requests: Annotated[int, Field(ge=1)] = 20
    """Queue of one engine that warns after five minutes."""
    ttft_p99_s: Annotated[float, AfterValidator(_bucket_edge)] = 5.0
    """p99 of the time to first token that warns; an edge of vLLM's histogram."""


class Settings(Section):
    """One environment."""

    aws: AwsSettings
    network: NetworkSettings
    cluster: ClusterSettings
    gpu_node_group: GpuNodeGroupSettings
    charts: ChartSettings
    model_server: ModelServerSettings
    alerts: AlertSettings

    @model_validator(mode="after")
    def _zones_agree(self) -> Self:
        region = self.aws.region
        strangers = [z for z in self.network.zones if z[:-1] != region]
        if strangers:
            raise refused("network.zones", strangers, f"zones of aws.region {region}")
        if self.gpu_node_group.zone not in self.network.zones:
            raise refused(
                "gpu_node_group.zone",
                self.gpu_node_group.zone,
                f"one of network.zones {list(self.network.zones)}",
            )
        return self

    @model_validator(mode="after")
    def _ami_follows_cluster(self) -> Self:
        version = self.cluster.kubernetes_version
        for key, release in (
            ("cluster.system_ami_release_version", self.cluster.system_ami_release_version),
            ("gpu_node_group.ami_release_version", self.gpu_node_group.ami_release_version),
        ):
            if not release.startswith(f"{version}."):
                raise refused(key, release, f"a release of Kubernetes {version}")
        return self

    @model_validator(mode="after")
    def _model_fits(self) -> Self:
        server = self.model_server
        model = models.model(server.model)
        node = instance_types.instance_type(self.gpu_node_group.instance_type)
        if server.max_model_len > model.context_tokens:
            raise refused(
                "model_server.max_model_len",
                server.max_model_len,
                f"up to {model.context_tokens}, the context of {model.name}",
            )
        fit = self.memory_fit()
        if not fit.fits:
            raise refused("model_server.model", *_does_not_fit(fit, server.gpu_memory_utilization))
        needed_gib = memory_fit.host_memory_needed_gib(
            model, gpus=server.tensor_parallel_size, shm_gib=server.shm_gib
        )
        if not needed_gib <= server.memory_gib <= node.memory_gib:
            raise refused(
                "model_server.memory_gib",
                server.memory_gib,
                f"{math.ceil(needed_gib)} (weights, /dev/shm and"
                f" {server.tensor_parallel_size} workers) to {node.memory_gib:.0f} (the node)",
            )
        return self

    def memory_fit(self) -> memory_fit.MemoryFit:
        server = self.model_server
        return memory_fit.memory_fit(
            models.model(server.model),
            instance_types.instance_type(self.gpu_node_group.instance_type),
            tensor_parallel_size=server.tensor_parallel_size,
            max_model_len=server.max_model_len,
            gpu_memory_utilization=server.gpu_memory_utilization,
            min_sequences=server.min_full_length_sequences,
        )


def _does_not_fit(fit: memory_fit.MemoryFit, utilization: float) -> tuple[str, str]:
    """What was found and what would be allowed, for the message about memory."""
    found = (
        f"{fit.model.name} on one {fit.instance_type.name} with tensor_parallel_size"
        f" {fit.tensor_parallel_size} (need {fit.needed_gib:.1f} GiB a GPU:"
        f" weights {fit.weights_gib:.1f}, activations and graphs {fit.overhead_gib:.1f},"
        f" KV cache of {fit.min_sequences} x {fit.max_model_len} tokens; have"
        f" {fit.budget_gib:.1f} GiB)"
    )
    fixes = memory_fit.what_would_fit(fit, utilization)
    return found, "; or ".join(fixes) or "nothing in the catalogue"
