"""Security groups and their rules, placement groups, capacity reservations, launch templates."""

from sandbox.aws_provider.table.model import (
    ID,
    Adopt,
    Answer,
    Autoname,
    Call,
    Given,
    IdOf,
    Input,
    Live,
    Look,
    Resource,
    Text,
)
from sandbox.aws_provider.table.tags import ec2_tags, late_ec2_tags

SECURITY_GROUP = Resource(
    pulumi_type="aws:ec2/securityGroup:SecurityGroup",
    client="ec2",
    cfn="AWS::EC2::SecurityGroup",
    create=Call("create_security_group", takes_inputs=True),
    id=("GroupId",),
    read=(Look("describe_security_groups", {"GroupIds": [ID]}, path=("SecurityGroups", 0)),),
    steps=(
        # The real provider takes away the rule that EC2 gives to each new group.
        Call(
            "revoke_security_group_egress",
            {
                "GroupId": ID,
                "IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
            },
            ignores=("InvalidPermission.NotFound",),
        ),
    ),
    delete=(Call("delete_security_group", {"GroupId": ID}),),
    rename={"name": "GroupName", "arn": "SecurityGroupArn"},
    cfn_rename={"description": "GroupDescription"},
    autoname=Autoname(),
    local=("revokeRulesOnDelete",),
    tags=ec2_tags("security-group"),
    adopt=Adopt(
        ("InvalidGroup.Duplicate",),
        Look(
            "describe_security_groups",
            {
                "Filters": [
                    {"Name": "group-name", "Values": [Input("name")]},
                    Given("vpcId", {"Name": "vpc-id", "Values": [Input("vpcId")]}),
                ]
            },
            path=("SecurityGroups", 0, "GroupId"),
        ),
    ),
)

_RULE_CHANGES = (
    "ipProtocol",
    "fromPort",
    "toPort",
    "cidrIpv4",
    "cidrIpv6",
    "prefixListId",
    "referencedSecurityGroupId",
    "description",
)


def _rule(direction: str, name: str) -> Resource:
    described = {"Description": Input("description")}
    return Resource(
        pulumi_type=f"aws:vpc/securityGroup{name}Rule:SecurityGroup{name}Rule",
        client="ec2",
        cfn=f"AWS::EC2::SecurityGroup{name}",
        create=Call(
            f"authorize_security_group_{direction}",
            {
                "GroupId": Input("securityGroupId"),
                "IpPermissions": [
                    {
                        "IpProtocol": Input("ipProtocol"),
                        "FromPort": Input("fromPort"),
                        "ToPort": Input("toPort"),
                        "IpRanges": [Given("cidrIpv4", {"CidrIp": Input("cidrIpv4"), **described})],
                        "Ipv6Ranges": [
                            Given("cidrIpv6", {"CidrIpv6": Input("cidrIpv6"), **described})
                        ],
                        "PrefixListIds": [
                            Given(
                                "prefixListId",
                                {"PrefixListId": Input("prefixListId"), **described},
                            )
                        ],
                        "UserIdGroupPairs": [
                            Given(
                                "referencedSecurityGroupId",
                                {"GroupId": Input("referencedSecurityGroupId"), **described},
                            )
                        ],
                    }
                ],
            },
        ),
        id=("SecurityGroupRules", 0, "SecurityGroupRuleId"),
        read=(
            Look(
                "describe_security_group_rules",
                {"SecurityGroupRuleIds": [ID]},
                path=("SecurityGroupRules", 0),
            ),
        ),
        steps=(
            Call(
                "modify_security_group_rules",
                {
                    "GroupId": Input("securityGroupId"),
                    "SecurityGroupRules": [
                        {
                            "SecurityGroupRuleId": ID,
                            "SecurityGroupRule": {
                                "IpProtocol": Input("ipProtocol"),
                                # moto asks for the ports also where the protocol is -1.
                                "FromPort": Input("fromPort", -1),
                                "ToPort": Input("toPort", -1),
                                "CidrIpv4": Input("cidrIpv4"),
                                "CidrIpv6": Input("cidrIpv6"),
                                "PrefixListId": Input("prefixListId"),
                                "ReferencedGroupId": Input("referencedSecurityGroupId"),
                                "Description": Input("description"),
                            },
                        }
                    ],
                },
                when=_RULE_CHANGES,
                only_update=True,
            ),
        ),
        delete=(
            Call(
                f"revoke_security_group_{direction}",
                {"GroupId": Input("securityGroupId"), "SecurityGroupRuleIds": [ID]},
                ignores=("InvalidPermission.NotFound",),
            ),
        ),
        rename={
            "securityGroupId": "GroupId",
            "referencedSecurityGroupId": "ReferencedGroupInfo.GroupId",
        },
        computed={"arn": Text("arn:{partition}:ec2:{region}:{account}:security-group-rule/{id}")},
        # CloudFormation replaces a rule for any change; the real provider modifies it.
        in_place=_RULE_CHANGES,
        replace=("securityGroupId",),
        tags=ec2_tags("security-group-rule"),
    )


INGRESS_RULE = _rule("ingress", "Ingress")
EGRESS_RULE = _rule("egress", "Egress")

PLACEMENT_GROUP = Resource(
    pulumi_type="aws:ec2/placementGroup:PlacementGroup",
    client="ec2",
    cfn="AWS::EC2::PlacementGroup",
    create=Call("create_placement_group", takes_inputs=True),
    id=IdOf(("name",), ""),
    read=(Look("describe_placement_groups", {"GroupNames": [ID]}, path=("PlacementGroups", 0)),),
    delete=(Call("delete_placement_group", {"GroupName": ID}),),
    rename={"name": "GroupName", "arn": "GroupArn", "placementGroupId": "GroupId"},
    autoname=Autoname(),
    replace=("name",),
    in_place=("tags",),
    tags=ec2_tags("placement-group", resource=Live("GroupId")),
    adopt=Adopt(("InvalidPlacementGroup.Duplicate",)),
)

CAPACITY_RESERVATION = Resource(
    pulumi_type="aws:ec2/capacityReservation:CapacityReservation",
    client="ec2",
    cfn="AWS::EC2::CapacityReservation",
    create=Call("create_capacity_reservation", takes_inputs=True),
    id=("CapacityReservation", "CapacityReservationId"),
    read=(
        Look(
            "describe_capacity_reservations",
            {"CapacityReservationIds": [ID]},
            path=("CapacityReservations", 0),
        ),
    ),
    gone_when={"State": ("cancelled", "expired")},
    steps=(
        Call(
            "modify_capacity_reservation",
            {
                "CapacityReservationId": ID,
                "InstanceCount": Input("instanceCount"),
                "EndDate": Input("endDate"),
                "EndDateType": Input("endDateType", "unlimited"),
            },
            when=("instanceCount", "endDate", "endDateType"),
            only_update=True,
        ),
    ),
    delete=(Call("cancel_capacity_reservation", {"CapacityReservationId": ID}),),
    rename={"arn": "CapacityReservationArn"},
    computed={"instanceCount": Live("TotalInstanceCount")},
    # The API could change it; the real provider does not.
    replace=("instanceMatchCriteria",),
    tags=ec2_tags("capacity-reservation"),
)

LAUNCH_TEMPLATE = Resource(
    pulumi_type="aws:ec2/launchTemplate:LaunchTemplate",
    client="ec2",
    cfn="AWS::EC2::LaunchTemplate",
    create=Call(
        "create_launch_template",
        {"LaunchTemplateName": Input("name"), "VersionDescription": Input("description")},
        takes_inputs=True,
        below="LaunchTemplateData",
    ),
    id=("LaunchTemplate", "LaunchTemplateId"),
    read=(
        Look("describe_launch_templates", {"LaunchTemplateIds": [ID]}, path=("LaunchTemplates", 0)),
        Look(
            "describe_launch_template_versions",
            {"LaunchTemplateId": ID, "Versions": ["$Latest"]},
            path=("LaunchTemplateVersions", 0, "LaunchTemplateData"),
        ),
        Look(
            "describe_launch_template_versions",
            {"LaunchTemplateId": ID, "Versions": ["$Latest"]},
            path=("LaunchTemplateVersions", 0, "VersionDescription"),
            at="VersionDescription",
            optional=True,
        ),
        # moto shows a template with the tags of its creation for ever.
        Look(
            "describe_tags",
            {"Filters": [{"Name": "resource-id", "Values": [ID]}]},
            path=("Tags",),
            at="Tags",
        ),
    ),
    steps=(
        Call(
            "create_launch_template_version",
            {"LaunchTemplateId": ID, "VersionDescription": Input("description")},
            takes_inputs=True,
            below="LaunchTemplateData",
            when=("*",),
            only_update=True,
        ),
        Call(
            "modify_launch_template",
            {
                "LaunchTemplateId": ID,
                "DefaultVersion": Answer(("LaunchTemplateVersion", "VersionNumber")),
            },
            when=("*",),
            only_update=True,
            only_if="updateDefaultVersion",
        ),
        Call(
            "modify_launch_template",
            {"LaunchTemplateId": ID, "DefaultVersion": Input("defaultVersion")},
            when=("defaultVersion",),
            only_if="defaultVersion",
            only_update=True,
        ),
    ),
    delete=(Call("delete_launch_template", {"LaunchTemplateId": ID}),),
    rename={
        "name": "LaunchTemplateName",
        "description": "VersionDescription",
        "latestVersion": "LatestVersionNumber",
        "defaultVersion": "DefaultVersionNumber",
        "vpcSecurityGroupIds": "SecurityGroupIds",
        "securityGroupNames": "SecurityGroups",
        "networkInterfaces.securityGroups": "Groups",
    },
    cfn_rename={"name": "LaunchTemplateName"},
    computed={"arn": Text("arn:{partition}:ec2:{region}:{account}:launch-template/{id}")},
    autoname=Autoname(),
    local=("updateDefaultVersion",),
    allowed={"networkInterfaces.interfaceType": ("interface", "efa", "efa-only")},
    volatile=("latestVersion", "defaultVersion"),
    # In a create call moto would mix them up with the tags of the instances.
    tags=late_ec2_tags(),
    adopt=Adopt(
        ("InvalidLaunchTemplateName.AlreadyExistsException",),
        Look(
            "describe_launch_templates",
            {"LaunchTemplateNames": [Input("name")]},
            path=("LaunchTemplates", 0, "LaunchTemplateId"),
        ),
    ),
)

RESOURCES = (
    SECURITY_GROUP,
    INGRESS_RULE,
    EGRESS_RULE,
    PLACEMENT_GROUP,
    CAPACITY_RESERVATION,
    LAUNCH_TEMPLATE,
)
