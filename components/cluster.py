"""The EKS cluster: control plane, who may use it, its addons, and the system nodes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, ec2, eks, iam, kms

from components import encryption_keys, worker_nodes
from stacks.settings.aws import AwsSettings
from stacks.settings.cluster import ClusterSettings

_CLUSTER_ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
_CONTROL_PLANE_LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")


@dataclass(frozen=True, slots=True)
class ClusterArgs:
    """`private_subnet_ids` are of two zones or more; `tags` go on what nodes launch."""

    aws: AwsSettings
    settings: ClusterSettings
    vpc_id: pulumi.Input[str]
    private_subnet_ids: Sequence[pulumi.Input[str]]
    tags: Mapping[str, str]


class Cluster(pulumi.ComponentResource):
    """Outputs: what a node group and a Kubernetes provider need."""

    cluster_name: pulumi.Output[str]
    arn: pulumi.Output[str]
    kubeconfig: pulumi.Output[str]
    node_home: worker_nodes.NodeHome
    before_nodes: Sequence[pulumi.Resource]
    """Addons that a node needs in place when it joins."""
    ready: Sequence[pulumi.Resource]
    """What must be there before a workload is."""

    def __init__(
        self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("moe-serving:index:Cluster", name, None, opts)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)

        cluster = self._control_plane(self._secrets_key())
        self.cluster_name = cluster.name
        self.arn = cluster.arn
        self.node_home = worker_nodes.NodeHome(
            cluster_name=cluster.name,
            security_group_id=cluster.vpc_config.apply(
                lambda config: config.cluster_security_group_id or ""
            ),
            vpc_id=args.vpc_id,
            volume_kms_key_arn=self._volume_key_arn(),
            tags=args.tags,
        )
        self.kubeconfig = pulumi.Output.secret(
            pulumi.Output.all(
                name=cluster.name,
                endpoint=cluster.endpoint,
                authority=cluster.certificate_authority.apply(lambda ca: ca.data or ""),
            ).apply(lambda values: _kubeconfig(args.aws.region, **values))
        )
        for arn in args.settings.admin_role_arns:
            self._admin(arn)

        # The CNI before any node: the one that EKS would put there by itself may be too
        # old to leave efa-only interfaces alone (1.18.5 is the first that does).
        self.before_nodes = [
            self._addon(
                "vpc-cni", {"enableNetworkPolicy": "true"}, version=args.settings.vpc_cni_version
            ),
            self._addon("kube-proxy"),
            self._addon("eks-pod-identity-agent"),
        ]
        nodes = self._system_nodes()
        # CoreDNS needs a node to run on before it counts as active.
        self.ready = [nodes, self._addon("coredns", after=[nodes])]
        # Sets the conditions of nodes by which EKS repairs them, and alerts tell of them. Its DCGM
        # tolerates no taint by default: on a GPU node that would itself be a fault to repair.
        self._addon(
            "eks-node-monitoring-agent",
            {"dcgmAgent": {"tolerations": [{"operator": "Exists"}]}},
            after=[nodes],
        )
        self.register_outputs(
            {
                "cluster_name": self.cluster_name,
                "arn": self.arn,
                "kubeconfig": self.kubeconfig,
            }
        )

    def _secrets_key(self) -> kms.Key:
        return encryption_keys.key(
            f"{self._name}-secrets",
            f"Kubernetes secrets of {self._name}",
            parent=self,
            protect=self._args.settings.protect,
        )

    def _volume_key_arn(self) -> pulumi.Input[str]:
        if self._args.settings.volume_kms_key_arn is not None:
            return self._args.settings.volume_kms_key_arn
        return encryption_keys.key(
            f"{self._name}-volumes",
            f"Disks of the nodes and file systems of {self._name}",
            parent=self,
            protect=self._args.settings.protect,
            policy=encryption_keys.key_policy_through_services(
                self._args.aws.account_id, self._args.aws.region, ["ec2", "fsx"]
            ),
        ).arn

    def _control_plane(self, key: kms.Key) -> eks.Cluster:
        role = iam.Role(
            f"{self._name}-control-plane",
            assume_role_policy=worker_nodes.assume_role_policy("eks.amazonaws.com"),
            opts=self._child,
        )
        attachment = iam.RolePolicyAttachment(
            f"{self._name}-control-plane",
            role=role.name,
            policy_arn="arn:aws:iam::aws:policy/AmazonEKSClusterPolicy",
            opts=self._child,
        )
        # EKS would create it with no retention at all.
        logs = cloudwatch.LogGroup(
            f"{self._name}-control-plane",
            name=f"/aws/eks/{self._name}/cluster",
            retention_in_days=self._args.settings.log_retention_days,
            opts=self._child,
        )
        public_cidrs = [str(cidr) for cidr in self._args.settings.public_endpoint_cidrs]
        return eks.Cluster(
            self._name,
            name=self._name,
            version=self._args.settings.kubernetes_version,
            role_arn=role.arn,
            enabled_cluster_log_types=list(_CONTROL_PLANE_LOGS),
            bootstrap_self_managed_addons=False,
            access_config=eks.ClusterAccessConfigArgs(
                authentication_mode="API", bootstrap_cluster_creator_admin_permissions=True
            ),
            encryption_config=eks.ClusterEncryptionConfigArgs(
                provider=eks.ClusterEncryptionConfigProviderArgs(key_arn=key.arn),
                resources=["secrets"],
            ),
            vpc_config=eks.ClusterVpcConfigArgs(
                subnet_ids=list(self._args.private_subnet_ids),
                endpoint_private_access=True,
                endpoint_public_access=bool(public_cidrs),
                public_access_cidrs=public_cidrs or None,
            ),
            opts=pulumi.ResourceOptions(
                parent=self, protect=self._args.settings.protect, depends_on=[attachment, logs]
            ),
        )

    def _admin(self, role_arn: str) -> None:
        name = f"{self._name}-admin-{role_arn.rsplit('/', 1)[-1]}"
        entry = eks.AccessEntry(
            name, cluster_name=self.cluster_name, principal_arn=role_arn, opts=self._child
        )
        eks.AccessPolicyAssociation(
            name,
            cluster_name=self.cluster_name,
            principal_arn=role_arn,
            policy_arn=_CLUSTER_ADMIN,
            access_scope=eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[entry]),
        )

    def _addon(
        self,
        addon: str,
        configuration: Mapping[str, object] | None = None,
        after: Sequence[pulumi.Resource] = (),
        version: str | None = None,
    ) -> eks.Addon:
        return eks.Addon(
            f"{self._name}-{addon}",
            cluster_name=self.cluster_name,
            addon_name=addon,
            addon_version=version,
            configuration_values=json.dumps(configuration) if configuration else None,
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(after)),
        )

    def _system_nodes(self) -> eks.NodeGroup:
        name = f"{self._name}-system"
        role, attachments = worker_nodes.node_role(name, self)
        template = ec2.LaunchTemplate(
            name,
            metadata_options=worker_nodes.metadata_options(),
            block_device_mappings=[
                worker_nodes.root_volume(100, self.node_home.volume_kms_key_arn)
            ],
            tag_specifications=worker_nodes.tag_specifications(name, self._args.tags),
            update_default_version=True,
            opts=self._child,
        )
        size = self._args.settings.system_nodes
        return eks.NodeGroup(
            name,
            cluster_name=self.cluster_name,
            node_role_arn=role.arn,
            subnet_ids=list(self._args.private_subnet_ids),
            ami_type="AL2023_x86_64_STANDARD",
            release_version=self._args.settings.system_ami_release_version,
            instance_types=[self._args.settings.system_instance_type],
            launch_template=eks.NodeGroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(str)
            ),
            scaling_config=eks.NodeGroupScalingConfigArgs(
                min_size=size, desired_size=size, max_size=size + 1
            ),
            update_config=eks.NodeGroupUpdateConfigArgs(max_unavailable=1),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*attachments, *self.before_nodes]),
        )


def _kubeconfig(region: str, name: str, endpoint: str, authority: str) -> str:
    """A kubeconfig with no credential in it: tokens last 15 minutes and come from `aws`."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": name,
                    "cluster": {"server": endpoint, "certificate-authority-data": authority},
                }
            ],
            "users": [
                {
                    "name": name,
                    "user": {
                        "exec": {
                            "apiVersion": "client.authentication.k8s.io/v1beta1",
                            "command": "aws",
                            "args": [
                                *("eks", "get-token", "--output", "json"),
                                *("--cluster-name", name, "--region", region),
                            ],
                            "interactiveMode": "Never",
                        }
                    },
                }
            ],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )
