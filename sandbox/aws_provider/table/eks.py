"""EKS: cluster, node group, add-on, access entries and pod identity."""

from sandbox.aws_provider.table.model import (
    ID,
    Added,
    Adopt,
    Autoname,
    Call,
    Given,
    IdOf,
    Input,
    Look,
    Removed,
    RemovedKeys,
    Resource,
    Where,
)
from sandbox.aws_provider.table.tags import map_tags

_IN_CLUSTER = {"clusterName": Input("clusterName")}
_EXISTS = Adopt(("ResourceInUseException",))


def _config(name: str, member: str | None = None) -> Call:
    """EKS takes one kind of change in a call, so each has its own."""
    return Call(
        "update_cluster_config",
        {"name": ID, member or name: Input(name)},
        when=(name,),
        only_update=True,
    )


_LOGGING = Given(
    "enabledClusterLogTypes",
    {"clusterLogging": [{"types": Input("enabledClusterLogTypes"), "enabled": True}]},
)

CLUSTER = Resource(
    pulumi_type="aws:eks/cluster:Cluster",
    client="eks",
    cfn="AWS::EKS::Cluster",
    create=Call("create_cluster", {"logging": _LOGGING}, takes_inputs=True),
    id=IdOf(("name",), ""),
    read=(Look("describe_cluster", {"name": ID}, path=("cluster",)),),
    steps=(
        Call(
            "update_cluster_version",
            {"name": ID, "version": Input("version"), "force": Input("forceUpdateVersion")},
            when=("version",),
            only_if="version",
            only_update=True,
        ),
        _config("vpcConfig", "resourcesVpcConfig"),
        Call(
            "update_cluster_config",
            {
                "name": ID,
                "logging": {
                    "clusterLogging": [
                        {"types": Removed("enabledClusterLogTypes"), "enabled": False},
                        {"types": Input("enabledClusterLogTypes", []), "enabled": True},
                    ]
                },
            },
            when=("enabledClusterLogTypes",),
            only_update=True,
        ),
        Call(
            "update_cluster_config",
            {
                "name": ID,
                "accessConfig": {"authenticationMode": Input("accessConfig.authenticationMode")},
            },
            when=("accessConfig",),
            only_update=True,
        ),
        _config("upgradePolicy"),
        _config("zonalShiftConfig"),
        _config("computeConfig"),
        _config("storageConfig"),
        _config("kubernetesNetworkConfig"),
        _config("remoteNetworkConfig"),
        _config("deletionProtection"),
        _config("controlPlaneScalingConfig"),
    ),
    delete=(Call("delete_cluster", {"name": ID}),),
    rename={
        "vpcConfig": "resourcesVpcConfig",
        "enabledClusterLogTypes": "logging.clusterLogging.0.types",
        "identities": "identity",
        "identities.oidcs": "oidc",
    },
    cfn_rename={"vpcConfig": "ResourcesVpcConfig"},
    computed={"clusterId": Input("clusterId", "")},
    computed_nested=("vpcConfig.clusterSecurityGroupId", "vpcConfig.vpcId"),
    autoname=Autoname(),
    local=("defaultAddonsToRemoves",),
    tags=map_tags("arn"),
    adopt=_EXISTS,
)

_NODE_GROUP = {"clusterName": Input("clusterName"), "nodegroupName": Input("nodeGroupName")}

NODE_GROUP = Resource(
    pulumi_type="aws:eks/nodeGroup:NodeGroup",
    client="eks",
    cfn="AWS::EKS::Nodegroup",
    create=Call("create_nodegroup", takes_inputs=True),
    id=IdOf(("clusterName", "nodeGroupName"), ":"),
    read=(Look("describe_nodegroup", _NODE_GROUP, path=("nodegroup",)),),
    steps=(
        Call(
            "update_nodegroup_version",
            {
                **_NODE_GROUP,
                "version": Added("version"),
                "releaseVersion": Added("releaseVersion"),
                "launchTemplate": {
                    "id": Input("launchTemplate.id"),
                    "name": Input("launchTemplate.name"),
                    "version": Input("launchTemplate.version"),
                },
                "force": Input("forceUpdateVersion"),
            },
            when=("version", "releaseVersion", "launchTemplate"),
            only_update=True,
        ),
        Call(
            "update_nodegroup_config",
            {
                **_NODE_GROUP,
                "labels": {
                    "addOrUpdateLabels": Added("labels"),
                    "removeLabels": RemovedKeys("labels"),
                },
                "taints": {
                    "addOrUpdateTaints": Added("taints"),
                    "removeTaints": Removed("taints", by=("key", "effect")),
                },
                "scalingConfig": Input("scalingConfig"),
                "updateConfig": Input("updateConfig"),
                "nodeRepairConfig": Input("nodeRepairConfig"),
                "warmPoolConfig": Input("warmPoolConfig"),
            },
            when=(
                "labels",
                "taints",
                "scalingConfig",
                "updateConfig",
                "nodeRepairConfig",
                "warmPoolConfig",
            ),
            only_update=True,
        ),
    ),
    delete=(Call("delete_nodegroup", _NODE_GROUP),),
    rename={
        "arn": "nodegroupArn",
        "nodeGroupName": "nodegroupName",
        "nodeRoleArn": "nodeRole",
        "subnetIds": "subnets",
        "remoteAccess.sourceSecurityGroupIds": "sourceSecurityGroups",
        "resources.remoteAccessSecurityGroupId": "remoteAccessSecurityGroup",
    },
    cfn_rename={
        "nodeGroupName": "NodegroupName",
        "nodeRoleArn": "NodeRole",
        "subnetIds": "Subnets",
    },
    computed_nested=("launchTemplate.name",),
    autoname=Autoname("nodeGroupName"),
    replace=("launchTemplate.id", "launchTemplate.name"),
    volatile=("version", "releaseVersion"),
    ordered=("instanceTypes",),
    tags=map_tags("nodegroupArn"),
    adopt=_EXISTS,
)

_ADDON = {**_IN_CLUSTER, "addonName": Input("addonName")}

ADDON = Resource(
    pulumi_type="aws:eks/addon:Addon",
    client="eks",
    cfn="AWS::EKS::Addon",
    create=Call(
        "create_addon", {"resolveConflicts": Input("resolveConflictsOnCreate")}, takes_inputs=True
    ),
    id=IdOf(("clusterName", "addonName"), ":"),
    read=(Look("describe_addon", _ADDON, path=("addon",)),),
    steps=(
        Call(
            "update_addon",
            {
                **_ADDON,
                "addonVersion": Input("addonVersion"),
                "configurationValues": Input("configurationValues"),
                "serviceAccountRoleArn": Input("serviceAccountRoleArn"),
                "podIdentityAssociations": Input("podIdentityAssociations"),
                "resolveConflicts": Input("resolveConflictsOnUpdate"),
            },
            when=(
                "addonVersion",
                "configurationValues",
                "serviceAccountRoleArn",
                "podIdentityAssociations",
            ),
            only_update=True,
        ),
    ),
    delete=(Call("delete_addon", {**_ADDON, "preserve": Input("preserve")}),),
    rename={"arn": "addonArn"},
    json=("configurationValues",),
    local=("resolveConflictsOnUpdate",),
    volatile=("modifiedAt",),
    tags=map_tags("addonArn"),
    adopt=_EXISTS,
)

_ENTRY = {**_IN_CLUSTER, "principalArn": Input("principalArn")}

ACCESS_ENTRY = Resource(
    pulumi_type="aws:eks/accessEntry:AccessEntry",
    client="eks",
    cfn="AWS::EKS::AccessEntry",
    create=Call("create_access_entry", takes_inputs=True),
    id=IdOf(("clusterName", "principalArn"), ":"),
    read=(Look("describe_access_entry", _ENTRY, path=("accessEntry",)),),
    steps=(
        Call(
            "update_access_entry",
            {
                **_ENTRY,
                "kubernetesGroups": Input("kubernetesGroups", []),
                "username": Input("userName"),
            },
            when=("kubernetesGroups", "userName"),
            only_update=True,
        ),
    ),
    delete=(Call("delete_access_entry", _ENTRY),),
    rename={"userName": "username"},
    volatile=("modifiedAt",),
    tags=map_tags("accessEntryArn"),
    adopt=_EXISTS,
)

_ASSOCIATION = {**_ENTRY, "policyArn": Input("policyArn")}

ACCESS_POLICY_ASSOCIATION = Resource(
    pulumi_type="aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
    client="eks",
    create=Call("associate_access_policy", takes_inputs=True),
    id=IdOf(("clusterName", "principalArn", "policyArn"), "#"),
    read=(
        Look(
            "list_associated_access_policies",
            _ENTRY,
            path=("associatedAccessPolicies", Where("policyArn", Input("policyArn"))),
        ),
    ),
    delete=(Call("disassociate_access_policy", _ASSOCIATION),),
    # The real provider marks every argument as one that forces a new resource.
    replace=("clusterName", "principalArn", "policyArn", "accessScope"),
    adopt=_EXISTS,
)

_POD_IDENTITY = {**_IN_CLUSTER, "associationId": ID}

POD_IDENTITY_ASSOCIATION = Resource(
    pulumi_type="aws:eks/podIdentityAssociation:PodIdentityAssociation",
    client="eks",
    cfn="AWS::EKS::PodIdentityAssociation",
    create=Call("create_pod_identity_association", takes_inputs=True),
    id=("association", "associationId"),
    read=(Look("describe_pod_identity_association", _POD_IDENTITY, path=("association",)),),
    steps=(
        Call(
            "update_pod_identity_association",
            {
                **_POD_IDENTITY,
                "roleArn": Input("roleArn"),
                "targetRoleArn": Input("targetRoleArn"),
                "disableSessionTags": Input("disableSessionTags"),
                "policy": Input("policy"),
            },
            when=("roleArn", "targetRoleArn", "disableSessionTags", "policy"),
            only_update=True,
        ),
    ),
    delete=(Call("delete_pod_identity_association", _POD_IDENTITY),),
    identity=("clusterName", "namespace", "serviceAccount"),
    json=("policy",),
    tags=map_tags("associationArn"),
    adopt=Adopt(
        ("ResourceInUseException",),
        Look(
            "list_pod_identity_associations",
            {
                **_IN_CLUSTER,
                "namespace": Input("namespace"),
                "serviceAccount": Input("serviceAccount"),
            },
            path=("associations", 0, "associationId"),
        ),
    ),
)

RESOURCES = (
    CLUSTER,
    NODE_GROUP,
    ADDON,
    ACCESS_ENTRY,
    ACCESS_POLICY_ASSOCIATION,
    POD_IDENTITY_ASSOCIATION,
)
