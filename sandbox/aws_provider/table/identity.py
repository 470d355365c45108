"""IAM, KMS and log groups."""

from sandbox.aws_provider.table.model import (
    ID,
    Adopt,
    Autoname,
    Call,
    IdOf,
    Input,
    Live,
    Look,
    Resource,
    Text,
    Where,
)
from sandbox.aws_provider.table.tags import KMS_TAGS, iam_tags, map_tags

ROLE = Resource(
    pulumi_type="aws:iam/role:Role",
    client="iam",
    cfn="AWS::IAM::Role",
    create=Call("create_role", takes_inputs=True),
    id=IdOf(("name",), ""),
    read=(Look("get_role", {"RoleName": ID}, path=("Role",)),),
    steps=(
        Call(
            "update_assume_role_policy",
            {"RoleName": ID, "PolicyDocument": Input("assumeRolePolicy")},
            when=("assumeRolePolicy",),
            only_update=True,
        ),
        Call(
            "update_role",
            {
                "RoleName": ID,
                "Description": Input("description", ""),
                "MaxSessionDuration": Input("maxSessionDuration"),
            },
            when=("description", "maxSessionDuration"),
            only_update=True,
        ),
    ),
    delete=(Call("delete_role", {"RoleName": ID}),),
    rename={
        "name": "RoleName",
        "assumeRolePolicy": "AssumeRolePolicyDocument",
        "permissionsBoundary": "PermissionsBoundary.PermissionsBoundaryArn",
        "uniqueId": "RoleId",
    },
    autoname=Autoname(),
    local=("forceDetachPolicies",),
    json=("assumeRolePolicy",),
    tags=iam_tags("RoleName", "role"),
    adopt=Adopt(("EntityAlreadyExists",)),
)

ROLE_POLICY_ATTACHMENT = Resource(
    pulumi_type="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    client="iam",
    create=Call("attach_role_policy", {"RoleName": Input("role"), "PolicyArn": Input("policyArn")}),
    id=IdOf(("role", "policyArn"), "/"),
    read=(
        Look(
            "list_attached_role_policies",
            {"RoleName": Input("role")},
            path=("AttachedPolicies", Where("PolicyArn", Input("policyArn"))),
        ),
    ),
    delete=(
        Call("detach_role_policy", {"RoleName": Input("role"), "PolicyArn": Input("policyArn")}),
    ),
    replace=("role", "policyArn"),
)

ROLE_POLICY = Resource(
    pulumi_type="aws:iam/rolePolicy:RolePolicy",
    client="iam",
    cfn="AWS::IAM::RolePolicy",
    create=Call("put_role_policy", takes_inputs=True),
    id=IdOf(("role", "name"), ":"),
    read=(Look("get_role_policy", {"RoleName": Input("role"), "PolicyName": Input("name")}),),
    steps=(Call("put_role_policy", takes_inputs=True, when=("policy",), only_update=True),),
    delete=(Call("delete_role_policy", {"RoleName": Input("role"), "PolicyName": Input("name")}),),
    rename={"role": "RoleName", "name": "PolicyName", "policy": "PolicyDocument"},
    autoname=Autoname(),
    json=("policy",),
)

POLICY = Resource(
    pulumi_type="aws:iam/policy:Policy",
    client="iam",
    cfn="AWS::IAM::ManagedPolicy",
    create=Call("create_policy", takes_inputs=True),
    id=("Policy", "Arn"),
    read=(
        Look("get_policy", {"PolicyArn": ID}, path=("Policy",)),
        Look(
            "get_policy_version",
            {"PolicyArn": ID, "VersionId": Live("DefaultVersionId")},
            path=("PolicyVersion", "Document"),
            at="PolicyDocument",
        ),
    ),
    steps=(
        Call(
            "create_policy_version",
            {"PolicyArn": ID, "PolicyDocument": Input("policy"), "SetAsDefault": True},
            when=("policy",),
            only_update=True,
        ),
        # IAM holds at most five versions, so the one that was in force goes.
        Call(
            "delete_policy_version",
            {"PolicyArn": ID, "VersionId": Live("DefaultVersionId")},
            when=("policy",),
            only_update=True,
        ),
    ),
    delete=(Call("delete_policy", {"PolicyArn": ID}),),
    rename={"name": "PolicyName", "policy": "PolicyDocument"},
    cfn_rename={"name": "ManagedPolicyName"},
    autoname=Autoname(),
    json=("policy",),
    tags=iam_tags("PolicyArn", "policy"),
    adopt=Adopt(
        ("EntityAlreadyExists",),
        Look(
            "get_policy",
            {"PolicyArn": Text("arn:{partition}:iam::{account}:policy{path}{name}", {"path": "/"})},
            path=("Policy", "Arn"),
        ),
    ),
)

KEY = Resource(
    pulumi_type="aws:kms/key:Key",
    client="kms",
    cfn="AWS::KMS::Key",
    create=Call("create_key", takes_inputs=True),
    id=("KeyMetadata", "KeyId"),
    read=(
        Look("describe_key", {"KeyId": ID}, path=("KeyMetadata",)),
        Look(
            "get_key_policy", {"KeyId": ID, "PolicyName": "default"}, path=("Policy",), at="Policy"
        ),
        Look("get_key_rotation_status", {"KeyId": ID}),
        Look("list_resource_tags", {"KeyId": ID}, path=("Tags",), at="Tags", optional=True),
    ),
    gone_when={"KeyState": ("PendingDeletion",)},
    steps=(
        Call(
            "enable_key_rotation",
            {"KeyId": ID, "RotationPeriodInDays": Input("rotationPeriodInDays")},
            when=("enableKeyRotation", "rotationPeriodInDays"),
            only_if="enableKeyRotation",
        ),
        Call(
            "disable_key_rotation",
            {"KeyId": ID},
            when=("enableKeyRotation",),
            unless="enableKeyRotation",
        ),
        Call(
            "put_key_policy",
            {"KeyId": ID, "PolicyName": "default", "Policy": Input("policy")},
            when=("policy",),
            only_if="policy",
            only_update=True,
        ),
        Call(
            "update_key_description",
            {"KeyId": ID, "Description": Input("description", "")},
            when=("description",),
            only_update=True,
        ),
    ),
    delete=(
        Call(
            "schedule_key_deletion",
            {"KeyId": ID, "PendingWindowInDays": Input("deletionWindowInDays")},
        ),
    ),
    rename={
        "enableKeyRotation": "KeyRotationEnabled",
        "isEnabled": "Enabled",
    },
    replace=("keyUsage", "customerMasterKeySpec", "multiRegion", "customKeyStoreId", "xksKeyId"),
    json=("policy",),
    tags=KMS_TAGS,
)

ALIAS = Resource(
    pulumi_type="aws:kms/alias:Alias",
    client="kms",
    cfn="AWS::KMS::Alias",
    create=Call("create_alias", takes_inputs=True),
    id=IdOf(("name",), ""),
    read=(Look("list_aliases", {}, path=("Aliases", Where("AliasName", ID))),),
    steps=(
        Call(
            "update_alias",
            {"AliasName": ID, "TargetKeyId": Input("targetKeyId")},
            when=("targetKeyId",),
            only_update=True,
        ),
    ),
    delete=(Call("delete_alias", {"AliasName": ID}),),
    rename={"name": "AliasName", "arn": "AliasArn"},
    computed={"targetKeyArn": Text("arn:{partition}:kms:{region}:{account}:key/{TargetKeyId}")},
    volatile=("targetKeyArn",),
    autoname=Autoname(prefix="alias/"),
    adopt=Adopt(("AlreadyExistsException",)),
)

LOG_GROUP = Resource(
    pulumi_type="aws:cloudwatch/logGroup:LogGroup",
    client="logs",
    cfn="AWS::Logs::LogGroup",
    create=Call("create_log_group", takes_inputs=True),
    id=IdOf(("name",), ""),
    read=(
        Look(
            "describe_log_groups",
            {"logGroupNamePrefix": ID},
            path=("logGroups", Where("logGroupName", ID)),
        ),
        Look(
            "list_tags_for_resource",
            {"resourceArn": Live("logGroupArn")},
            path=("tags",),
            at="tags",
            optional=True,
        ),
    ),
    steps=(
        Call(
            "put_retention_policy",
            {"logGroupName": ID, "retentionInDays": Input("retentionInDays")},
            when=("retentionInDays",),
            only_if="retentionInDays",
        ),
        Call(
            "delete_retention_policy",
            {"logGroupName": ID},
            when=("retentionInDays",),
            unless="retentionInDays",
            only_update=True,
        ),
    ),
    delete=(Call("delete_log_group", {"logGroupName": ID}, unless="skipDestroy"),),
    rename={"name": "logGroupName", "arn": "logGroupArn"},
    computed={"logGroupClass": Input("logGroupClass", "STANDARD")},
    autoname=Autoname(),
    local=("skipDestroy",),
    replace=("logGroupClass",),
    tags=map_tags("logGroupArn"),
    adopt=Adopt(("ResourceAlreadyExistsException",)),
)

RESOURCES = (ROLE, ROLE_POLICY_ATTACHMENT, ROLE_POLICY, POLICY, KEY, ALIAS, LOG_GROUP)
