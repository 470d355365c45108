"""The settings of one stack: what `stacks/Pulumi.<stack>.yaml` may say.

One module a section; every key of the file is a field there, and unknown keys are
refused. Here is what sections say about each other. Reading the file and wording
its errors is `stacks/reading.py`.
"""

import re
from typing import Self

from pydantic import model_validator

from catalog import instance_types, memory_fit, models, node_capacity
from catalog.alerts import Served
from catalog.budget import Budget
from catalog.section import Section
from catalog.waivers import Waiver
from stacks.settings import serving
from stacks.settings.alerts import AlertSettings
from stacks.settings.aws import AwsSettings
from stacks.settings.charts import ChartSettings
from stacks.settings.cluster import ClusterSettings
from stacks.settings.gpu_node_group import GpuNodeGroupSettings
from stacks.settings.model_server import NAMESPACE, ModelServerSettings
from stacks.settings.model_weights import InstanceStoreWeights, ModelWeightsSettings
from stacks.settings.network import NetworkSettings
from stacks.settings.promotion import Promotion
from stacks.settings.section import refused

_ECR = re.compile(r"\d{12}\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?(/|$)")


class Settings(Section):
    """One environment."""

    aws: AwsSettings
    network: NetworkSettings
    cluster: ClusterSettings
    gpu_node_group: GpuNodeGroupSettings
    charts: ChartSettings
    model_server: ModelServerSettings
    model_weights: ModelWeightsSettings
    alerts: AlertSettings
    budget: Budget | None = None
    """What the stack may cost; without it nothing holds it to a price."""
    waivers: tuple[Waiver, ...] = ()
    """Findings of policies that are let pass, each until a day."""
    promotion: Promotion | None = None
    """What a release must have shown before it comes here; without it none can be promoted here."""

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
    def _arns_agree(self) -> Self:
        arns = {
            "cluster.volume_kms_key_arn": self.cluster.volume_kms_key_arn,
            "gpu_node_group.capacity.resource_group_arn": getattr(
                self.gpu_node_group.capacity, "resource_group_arn", None
            ),
        }
        for key, arn in arns.items():
            if arn is not None and arn.split(":")[3] != self.aws.region:
                raise refused(key, arn, f"an ARN of aws.region {self.aws.region}")
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
    def _nothing_from_the_internet(self) -> Self:
        if self.network.nat_gateways != "none":
            return self
        if isinstance(self.model_weights, InstanceStoreWeights):
            raise refused(
                "model_weights.kind",
                self.model_weights.kind,
                "s3 or fsx_lustre where network.nat_gateways is none:"
                " Hugging Face cannot be reached",
            )
        for key, image in (
            ("model_server.image", self.model_server.image),
            ("charts.image_registry", self.charts.image_registry),
        ):
            match = _ECR.match(image or "")
            if match is None or match["region"] != self.aws.region:
                raise refused(
                    key,
                    image,
                    f"a repository of ECR in {self.aws.region} where network.nat_gateways is none:"
                    " no other registry can be reached",
                )
        return self

    @model_validator(mode="after")
    def _engines_run(self) -> Self:
        serving.check_engine(self)
        serving.check_memory(self)
        serving.check_room(self)
        return self

    def engines_per_node(self) -> int:
        """Engines that fit beside each other on one GPU node; 0 where one needs several nodes."""
        server = self.model_server
        if server.nodes_per_engine > 1:
            return 0
        node = instance_types.instance_type(self.gpu_node_group.instance_type)
        memory_gib = node_capacity.memory_for_pods_gib(node, efa=self.gpu_node_group.efa.enabled)
        return min(
            node.gpu_count // server.gpus_per_pod,
            memory_gib // server.memory_gib,
            node_capacity.cpus_for_pods(node) // server.cpu,
        )

    def engines_on(self, nodes: int) -> int:
        """Engines that `nodes` GPU nodes hold together."""
        if self.model_server.nodes_per_engine > 1:
            return nodes // self.model_server.nodes_per_engine
        return self.engines_per_node() * nodes

    def memory_fit(self) -> memory_fit.MemoryFit:
        server = self.model_server
        return memory_fit.memory_fit(
            models.model(server.model),
            instance_types.instance_type(self.gpu_node_group.instance_type),
            server.layout,
            max_model_len=server.max_model_len,
            gpu_memory_utilization=server.gpu_memory_utilization,
            min_sequences=server.min_full_length_sequences,
            max_num_batched_tokens=server.step.max_num_batched_tokens,
            max_num_seqs=server.step.max_num_seqs,
        )

    def served(self, startup_s: int) -> Served:
        """What alerts need to know; `startup_s` depends on where the weights come from."""
        server = self.model_server
        return Served(
            namespace=NAMESPACE,
            model_name=server.server_name,
            experts=models.model(server.model).experts,
            gpus_per_node=instance_types.instance_type(self.gpu_node_group.instance_type).gpu_count,
            startup_s=startup_s,
            engines=server.replicas,
            engine_has_metrics=server.engine.has_metrics,
            queue_is_limited=server.engine.queue_is_limited,
            spans_nodes=server.nodes_per_engine > 1,
            expert_metrics=server.counts_experts,
        )
