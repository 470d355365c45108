"""One environment: settings in, components in order, outputs out."""

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from components.alerts import Alerts, AlertsArgs
from components.cluster import Cluster, ClusterArgs
from components.dashboards import Dashboards, DashboardsArgs
from components.efa_exporter import EfaExporter, EfaExporterArgs
from components.gpu_node_group import GpuNodeGroup, GpuNodeGroupArgs
from components.gpu_operator import GpuOperator, GpuOperatorArgs
from components.keda import Keda, KedaArgs
from components.leader_worker_set_operator import (
    LeaderWorkerSetOperator,
    LeaderWorkerSetOperatorArgs,
)
from components.model_server import ModelServer, ModelServerArgs
from components.model_weights import ModelWeights, ModelWeightsArgs
from components.monitoring import Monitoring, MonitoringArgs
from components.network import Network, NetworkArgs
from stacks import current
from stacks.released import released

settings = current.settings()
gpus = settings.gpu_node_group
name = f"moe-{pulumi.get_stack()}"
tags = {"project": pulumi.get_project(), "stack": pulumi.get_stack(), **settings.aws.cost_tags}

aws_provider = aws.Provider(
    "aws",
    region=settings.aws.region,
    allowed_account_ids=[settings.aws.account_id],
    default_tags=aws.ProviderDefaultTagsArgs(tags=tags),
)


def in_aws(*after: pulumi.Resource) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(provider=aws_provider, depends_on=list(after))


network = Network(name, NetworkArgs(settings.aws.region, settings.network), in_aws())
subnets = network.private_subnet_ids
cluster = Cluster(
    name,
    ClusterArgs(settings.aws, settings.cluster, network.vpc_id, list(subnets.values()), tags),
    in_aws(),
)
gpu_nodes = GpuNodeGroup(
    f"{name}-gpu",
    GpuNodeGroupArgs(gpus, cluster.node_home, subnets[gpus.zone]),
    in_aws(*cluster.before_nodes),
)
weights = ModelWeights(
    f"{name}-weights",
    ModelWeightsArgs(
        settings.model_weights,
        settings.model_server,
        settings.aws.account_id,
        cluster.node_home,
        subnets[gpus.zone],
        protect=settings.cluster.protect,
    ),
    in_aws(),
)

kubernetes_provider = kubernetes.Provider(
    "kubernetes",
    kubeconfig=cluster.kubeconfig,
    # Without it every change of the kubeconfig would replace all that is in the cluster.
    cluster_identifier=cluster.arn,
    # Else every change of a dashboard would delete it and make it anew.
    enable_config_map_mutable=True,
)


def in_cluster(*after: pulumi.Resource) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(provider=kubernetes_provider, depends_on=list(after))


monitoring = Monitoring("monitoring", MonitoringArgs(settings.charts), in_cluster(*cluster.ready))
gpu_operator = GpuOperator(
    "gpu-operator",
    GpuOperatorArgs(settings.charts, gpus.tolerations(), gpus.efa.enabled),
    in_cluster(monitoring.release),
)
operators = [gpu_operator.release]
if settings.model_server.nodes_per_engine > 1:
    groups = LeaderWorkerSetOperator(
        "leader-worker-set",
        LeaderWorkerSetOperatorArgs(settings.charts),
        in_cluster(monitoring.release),
    )
    operators.append(groups.release)
    EfaExporter(
        "efa-exporter",
        EfaExporterArgs(settings.model_server.image, gpus.tolerations()),
        in_cluster(monitoring.release, gpu_nodes.node_group),
    )
if settings.model_server.autoscaling is not None:
    keda = Keda("keda", KedaArgs(settings.charts), in_cluster(monitoring.release))
    operators.append(keda.release)
model_server = ModelServer(
    "model-server",
    ModelServerArgs(
        settings.model_server, weights.source, gpus.tolerations(), gpu_nodes.efa_interfaces
    ),
    in_cluster(*operators, gpu_nodes.node_group, *weights.ready),
)
served = settings.served(weights.source.startup_s)
alerts = Alerts("alerts", AlertsArgs(settings.alerts, served), in_cluster(monitoring.release))
dashboards = Dashboards(
    "dashboards", DashboardsArgs(settings.alerts, served), in_cluster(monitoring.release)
)

pulumi.export("cluster_name", cluster.cluster_name)
pulumi.export("kubeconfig", cluster.kubeconfig)
pulumi.export("gpu_node_group", gpu_nodes.node_group_name)
pulumi.export("placement_group", gpu_nodes.placement_group_name)
pulumi.export("weights", weights.source.location)
pulumi.export("model_url", model_server.url)
pulumi.export("alerts", alerts.count)
pulumi.export("dashboards", dashboards.uids)
# What `moe promote` compares with a release: from the state, not from files.
pulumi.export("release", released(settings).model_dump())
