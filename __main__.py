"""One environment: settings in, components in order, outputs out."""

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from catalog import instance_types
from catalog.alert_rules import AlertThresholds
from components.alerts import Alerts, AlertsArgs
from components.cluster import Cluster, ClusterArgs
from components.gpu_node_group import GpuNodeGroup, GpuNodeGroupArgs
from components.gpu_operator import GpuOperator, GpuOperatorArgs
from components.model_server import ModelServer, ModelServerArgs
from components.monitoring import Monitoring, MonitoringArgs
from components.network import Network, NetworkArgs
from stacks import current

settings = current.settings()
region = settings.aws.region
name = f"moe-{pulumi.get_stack()}"

in_aws = pulumi.ResourceOptions(
    provider=aws.Provider(
        "aws",
        region=region,
        allowed_account_ids=[settings.aws.account_id],
        default_tags=aws.ProviderDefaultTagsArgs(
            tags={"project": pulumi.get_project(), "stack": pulumi.get_stack()}
        ),
    )
)
network = Network(name, NetworkArgs(region, settings.network), in_aws)
subnets = network.private_subnet_ids
cluster = Cluster(name, ClusterArgs(region, settings.cluster, list(subnets.values())), in_aws)
gpu_nodes = GpuNodeGroup(
    f"{name}-gpu",
    GpuNodeGroupArgs(
        settings.gpu_node_group,
        cluster_name=cluster.cluster_name,
        cluster_security_group_id=cluster.security_group_id,
        vpc_id=network.vpc_id,
        subnet_id=subnets[settings.gpu_node_group.zone],
    ),
    pulumi.ResourceOptions.merge(in_aws, pulumi.ResourceOptions(depends_on=cluster.before_nodes)),
)

provider = kubernetes.Provider(
    "kubernetes",
    kubeconfig=cluster.kubeconfig,
    # Without it every change of the kubeconfig would replace all that is in the cluster.
    cluster_identifier=cluster.arn,
)


def in_cluster(*after: pulumi.Resource) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(provider=provider, depends_on=list(after))


monitoring = Monitoring("monitoring", MonitoringArgs(settings.charts), in_cluster(*cluster.ready))
gpu_operator = GpuOperator(
    "gpu-operator", GpuOperatorArgs(settings.charts), in_cluster(monitoring.release)
)
model_server = ModelServer(
    "model-server",
    ModelServerArgs(settings.model_server),
    in_cluster(gpu_operator.release, gpu_nodes.node_group),
)
alerts = Alerts(
    "alerts",
    AlertsArgs(
        AlertThresholds(
            kv_cache_usage_ratio=settings.alerts.kv_cache_usage_ratio,
            waiting_requests=settings.alerts.waiting_requests,
            ttft_p99_s=settings.alerts.ttft_p99_s,
            gpus_per_node=instance_types.instance_type(
                settings.gpu_node_group.instance_type
            ).gpu_count,
        ),
        settings.alerts.runbook_base_url,
    ),
    in_cluster(monitoring.release),
)

pulumi.export("cluster_name", cluster.cluster_name)
pulumi.export("kubeconfig", cluster.kubeconfig)
pulumi.export("gpu_node_group", gpu_nodes.node_group_name)
pulumi.export("model_url", model_server.url)
pulumi.export("alerts", alerts.count)
