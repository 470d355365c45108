"""Where the weights are: a bucket, a file system filled from it, and who may read them.

With weights on the instance store there is nothing here: engines download from
Hugging Face to the disks of their node.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import eks, fsx, iam, s3, vpc
from pulumi_aws.ec2 import SecurityGroup

from components.weights_source import MountedFileSystem, WeightsSource
from components.worker_nodes import NodeHome
from stacks.settings.model_server import NAMESPACE, ModelServerSettings
from stacks.settings.model_weights import (
    FsxLustreWeights,
    InstanceStoreWeights,
    ModelWeightsSettings,
    S3Weights,
)

_LUSTRE_PORTS = ((988, 988), (1018, 1023))
"""FSx for Lustre user guide, "file system access control with Amazon VPC"."""


@dataclass(frozen=True, slots=True)
class ModelWeightsArgs:
    """`subnet_id` is that of the GPU nodes; the engines of `server` alone may read."""

    settings: ModelWeightsSettings
    server: ModelServerSettings
    account_id: str
    home: NodeHome
    subnet_id: pulumi.Input[str]
    protect: bool


class ModelWeights(pulumi.ComponentResource):
    """Outputs: where an engine reads, and what must be there before it starts."""

    source: WeightsSource
    ready: Sequence[pulumi.Resource] = ()

    def __init__(
        self, name: str, args: ModelWeightsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("moe-serving:index:ModelWeights", name, None, opts)
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self._kept = pulumi.ResourceOptions(parent=self, protect=args.protect)
        self.source = self._source(args.settings)
        self.register_outputs({"bucket": self.source.bucket, "location": self.source.location})

    def _source(self, settings: ModelWeightsSettings) -> WeightsSource:
        if isinstance(settings, InstanceStoreWeights):
            return WeightsSource(settings, self._args.server)
        bucket = settings.bucket_name(self._name, self._args.account_id)
        made = [] if settings.bucket else [self._bucket(bucket)]
        file_system = None
        if isinstance(settings, S3Weights):
            self.ready = [*made, self._reader(bucket, settings.prefix)]
        else:
            file_system = self._file_system(settings, bucket, made)
        return WeightsSource(settings, self._args.server, bucket, file_system)

    def _bucket(self, bucket: str) -> s3.Bucket:
        """Private, versioned, by TLS only; encrypted by S3's own key.

        A key of ours would shut out FSx, whose service-linked role has no right to it,
        for weights that are published anyway.
        """
        made = s3.Bucket(self._name, bucket=bucket, opts=self._kept)
        s3.BucketOwnershipControls(
            self._name,
            bucket=made.bucket,
            rule=s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=self._child,
        )
        s3.BucketPublicAccessBlock(
            self._name,
            bucket=made.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._child,
        )
        s3.BucketServerSideEncryptionConfiguration(
            self._name,
            bucket=made.bucket,
            rules=[
                s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                        sse_algorithm="AES256"
                    )
                )
            ],
            opts=self._child,
        )
        s3.BucketVersioning(
            self._name,
            bucket=made.bucket,
            versioning_configuration=s3.BucketVersioningVersioningConfigurationArgs(
                status="Enabled"
            ),
            opts=self._child,
        )
        arn = f"arn:aws:s3:::{bucket}"
        s3.BucketPolicy(
            self._name,
            bucket=made.bucket,
            policy=_policy(
                {
                    "Sid": "EncryptedInTransit",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:*",
                    "Resource": [arn, f"{arn}/*"],
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                }
            ),
            opts=self._child,
        )
        return made

    def _reader(self, bucket: str, prefix: str) -> pulumi.Resource:
        """The model server's pods, and no others, may read this model's files."""
        args = self._args
        role = iam.Role(
            f"{self._name}-reader",
            assume_role_policy=_policy(
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "pods.eks.amazonaws.com"},
                    "Action": ["sts:AssumeRole", "sts:TagSession"],
                    # The tags that EKS gives a session (user guide, "pod-id-role").
                    "Condition": {
                        "StringEquals": {
                            "aws:SourceAccount": args.account_id,
                            "aws:RequestTag/eks-cluster-name": args.home.cluster_name,
                            "aws:RequestTag/kubernetes-namespace": NAMESPACE,
                            "aws:RequestTag/kubernetes-service-account": args.server.server_name,
                        }
                    },
                }
            ),
            opts=self._child,
        )
        folder = f"{prefix}/{args.server.weights_folder}"
        rights = iam.RolePolicy(
            f"{self._name}-reader",
            role=role.name,
            policy=_policy(
                {
                    "Effect": "Allow",
                    "Action": "s3:GetObject",
                    "Resource": f"arn:aws:s3:::{bucket}/{folder}/*",
                },
                {
                    "Effect": "Allow",
                    "Action": "s3:ListBucket",
                    "Resource": f"arn:aws:s3:::{bucket}",
                    "Condition": {"StringLike": {"s3:prefix": [folder, f"{folder}/*"]}},
                },
            ),
            opts=self._child,
        )
        return eks.PodIdentityAssociation(
            f"{self._name}-reader",
            cluster_name=args.home.cluster_name,
            namespace=NAMESPACE,
            service_account=args.server.server_name,
            role_arn=role.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[rights]),
        )

    def _file_system(
        self, settings: FsxLustreWeights, bucket: str, after: Sequence[pulumi.Resource]
    ) -> MountedFileSystem:
        file_system = fsx.LustreFileSystem(
            self._name,
            deployment_type="PERSISTENT_2",
            storage_type="SSD",
            file_system_type_version="2.15",
            storage_capacity=settings.storage_gib,
            per_unit_storage_throughput=settings.throughput_mib_per_s_per_tib,
            subnet_ids=self._args.subnet_id,
            security_group_ids=[self._lustre_security_group().id],
            kms_key_id=self._args.home.volume_kms_key_arn,
            # The bucket is the copy that counts.
            automatic_backup_retention_days=0,
            tags={"Name": self._name},
            opts=self._kept,
        )
        association = fsx.DataRepositoryAssociation(
            self._name,
            file_system_id=file_system.id,
            data_repository_path=f"s3://{bucket}/{settings.prefix}",
            file_system_path="/",
            batch_import_meta_data_on_create=True,
            s3=fsx.DataRepositoryAssociationS3Args(
                auto_import_policy=fsx.DataRepositoryAssociationS3AutoImportPolicyArgs(
                    events=["NEW", "CHANGED", "DELETED"]
                )
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(after)),
        )
        driver = eks.Addon(
            f"{self._name}-csi-driver",
            cluster_name=self._args.home.cluster_name,
            addon_name="aws-fsx-csi-driver",
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="OVERWRITE",
            opts=self._child,
        )
        self.ready = [association, driver]
        return MountedFileSystem(
            file_system.id, file_system.dns_name, file_system.mount_name, settings.storage_gib
        )

    def _lustre_security_group(self) -> SecurityGroup:
        """Lustre servers and clients open connections to each other, both ways."""
        servers = SecurityGroup(
            f"{self._name}-lustre",
            description="Lustre between the file servers and the nodes",
            vpc_id=self._args.home.vpc_id,
            tags={"Name": f"{self._name}-lustre"},
            opts=self._child,
        )
        nodes = self._args.home.security_group_id
        for first, last in _LUSTRE_PORTS:
            for what, group, peer in (
                ("nodes", servers.id, nodes),
                ("servers", servers.id, servers.id),
                ("to-nodes", nodes, servers.id),
            ):
                vpc.SecurityGroupIngressRule(
                    f"{self._name}-lustre-{what}-{first}",
                    security_group_id=group,
                    referenced_security_group_id=peer,
                    ip_protocol="tcp",
                    from_port=first,
                    to_port=last,
                    opts=self._child,
                )
            for what, peer in (("nodes", nodes), ("servers", servers.id)):
                vpc.SecurityGroupEgressRule(
                    f"{self._name}-lustre-{what}-{first}",
                    security_group_id=servers.id,
                    referenced_security_group_id=peer,
                    ip_protocol="tcp",
                    from_port=first,
                    to_port=last,
                    opts=self._child,
                )
        return servers


def _policy(*statements: dict[str, object]) -> pulumi.Output[str]:
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})
