"""The network: VPC, subnets, gateways, routes and endpoints."""

from sandbox.aws_provider.table.model import (
    ID,
    Added,
    Adopt,
    Call,
    IdOf,
    Input,
    Look,
    Removed,
    Resource,
    Template,
    Text,
    Where,
)
from sandbox.aws_provider.table.tags import ec2_tags

_ROUTE_TARGETS = (
    "gatewayId",
    "natGatewayId",
    "networkInterfaceId",
    "transitGatewayId",
    "vpcEndpointId",
    "vpcPeeringConnectionId",
)


def _of_vpc(name: str, value: str) -> list[dict[str, Template]]:
    return [{"Name": "vpc-id", "Values": [ID]}, {"Name": name, "Values": [value]}]


def _vpc_attribute(member: str) -> Look:
    return Look(
        "describe_vpc_attribute",
        {"VpcId": ID, "Attribute": member[0].lower() + member[1:]},
        path=(member, "Value"),
        at=member,
    )


def _set_vpc_attribute(name: str) -> Call:
    member = name[0].upper() + name[1:]
    return Call("modify_vpc_attribute", {"VpcId": ID, member: {"Value": Input(name)}}, when=(name,))


VPC = Resource(
    pulumi_type="aws:ec2/vpc:Vpc",
    client="ec2",
    cfn="AWS::EC2::VPC",
    create=Call("create_vpc", takes_inputs=True),
    id=("Vpc", "VpcId"),
    read=(
        Look("describe_vpcs", {"VpcIds": [ID]}, path=("Vpcs", 0)),
        _vpc_attribute("EnableDnsSupport"),
        _vpc_attribute("EnableDnsHostnames"),
        _vpc_attribute("EnableNetworkAddressUsageMetrics"),
        Look(
            "describe_security_groups",
            {"Filters": _of_vpc("group-name", "default")},
            path=("SecurityGroups", 0, "GroupId"),
            at="DefaultSecurityGroupId",
            optional=True,
        ),
        Look(
            "describe_route_tables",
            {"Filters": _of_vpc("association.main", "true")},
            path=("RouteTables", 0, "RouteTableId"),
            at="MainRouteTableId",
            optional=True,
        ),
        Look(
            "describe_network_acls",
            {"Filters": _of_vpc("default", "true")},
            path=("NetworkAcls", 0, "NetworkAclId"),
            at="DefaultNetworkAclId",
            optional=True,
        ),
    ),
    steps=(
        _set_vpc_attribute("enableDnsSupport"),
        _set_vpc_attribute("enableDnsHostnames"),
        _set_vpc_attribute("enableNetworkAddressUsageMetrics"),
    ),
    delete=(Call("delete_vpc", {"VpcId": ID}),),
    rename={"defaultRouteTableId": "MainRouteTableId"},
    computed={"arn": Text("arn:{partition}:ec2:{region}:{account}:vpc/{id}")},
    tags=ec2_tags("vpc"),
)

SUBNET = Resource(
    pulumi_type="aws:ec2/subnet:Subnet",
    client="ec2",
    cfn="AWS::EC2::Subnet",
    create=Call("create_subnet", takes_inputs=True),
    id=("Subnet", "SubnetId"),
    read=(Look("describe_subnets", {"SubnetIds": [ID]}, path=("Subnets", 0)),),
    steps=(
        Call(
            "modify_subnet_attribute",
            {"SubnetId": ID, "MapPublicIpOnLaunch": {"Value": Input("mapPublicIpOnLaunch")}},
            when=("mapPublicIpOnLaunch",),
        ),
    ),
    delete=(Call("delete_subnet", {"SubnetId": ID}),),
    rename={
        "arn": "SubnetArn",
        "privateDnsHostnameTypeOnLaunch": "PrivateDnsNameOptionsOnLaunch.HostnameType",
    },
    tags=ec2_tags("subnet"),
)

INTERNET_GATEWAY = Resource(
    pulumi_type="aws:ec2/internetGateway:InternetGateway",
    client="ec2",
    cfn="AWS::EC2::InternetGateway",
    create=Call("create_internet_gateway"),
    id=("InternetGateway", "InternetGatewayId"),
    read=(
        Look(
            "describe_internet_gateways",
            {"InternetGatewayIds": [ID]},
            path=("InternetGateways", 0),
        ),
    ),
    steps=(
        Call(
            "detach_internet_gateway",
            {"InternetGatewayId": ID, "VpcId": Removed("vpcId")},
            when=("vpcId",),
            only_update=True,
        ),
        Call(
            "attach_internet_gateway",
            {"InternetGatewayId": ID, "VpcId": Input("vpcId")},
            when=("vpcId",),
            only_if="vpcId",
            ignores=("Resource.AlreadyAssociated",),
        ),
    ),
    delete=(
        Call(
            "detach_internet_gateway",
            {"InternetGatewayId": ID, "VpcId": Input("vpcId")},
            only_if="vpcId",
            ignores=("Gateway.NotAttached", "InvalidVpcID.NotFound"),
        ),
        Call("delete_internet_gateway", {"InternetGatewayId": ID}),
    ),
    rename={"vpcId": "Attachments.0.VpcId"},
    computed={"arn": Text("arn:{partition}:ec2:{region}:{account}:internet-gateway/{id}")},
    tags=ec2_tags("internet-gateway"),
)

EIP = Resource(
    pulumi_type="aws:ec2/eip:Eip",
    client="ec2",
    cfn="AWS::EC2::EIP",
    create=Call("allocate_address", {"Domain": Input("domain", "vpc")}, takes_inputs=True),
    id=("AllocationId",),
    read=(Look("describe_addresses", {"AllocationIds": [ID]}, path=("Addresses", 0)),),
    delete=(Call("release_address", {"AllocationId": ID}),),
    rename={"instance": "InstanceId", "networkInterface": "NetworkInterfaceId"},
    computed={"arn": Text("arn:{partition}:ec2:{region}:{account}:elastic-ip/{id}")},
    replace=("domain", "publicIpv4Pool"),
    tags=ec2_tags("elastic-ip"),
)

NAT_GATEWAY = Resource(
    pulumi_type="aws:ec2/natGateway:NatGateway",
    client="ec2",
    cfn="AWS::EC2::NatGateway",
    create=Call("create_nat_gateway", takes_inputs=True),
    id=("NatGateway", "NatGatewayId"),
    read=(Look("describe_nat_gateways", {"NatGatewayIds": [ID]}, path=("NatGateways", 0)),),
    gone_when={"State": ("deleted", "deleting")},
    delete=(Call("delete_nat_gateway", {"NatGatewayId": ID}),),
    rename={
        "allocationId": "NatGatewayAddresses.0.AllocationId",
        "associationId": "NatGatewayAddresses.0.AssociationId",
        "networkInterfaceId": "NatGatewayAddresses.0.NetworkInterfaceId",
        "privateIp": "NatGatewayAddresses.0.PrivateIp",
        "publicIp": "NatGatewayAddresses.0.PublicIp",
    },
    computed={"connectivityType": Input("connectivityType", "public")},
    tags=ec2_tags("natgateway"),
)

ROUTE_TABLE = Resource(
    pulumi_type="aws:ec2/routeTable:RouteTable",
    client="ec2",
    cfn="AWS::EC2::RouteTable",
    create=Call("create_route_table", {"VpcId": Input("vpcId")}),
    id=("RouteTable", "RouteTableId"),
    read=(Look("describe_route_tables", {"RouteTableIds": [ID]}, path=("RouteTables", 0)),),
    delete=(Call("delete_route_table", {"RouteTableId": ID}),),
    computed={"arn": Text("arn:{partition}:ec2:{region}:{account}:route-table/{id}")},
    tags=ec2_tags("route-table"),
)

_ROUTE_PARAMS = {
    "RouteTableId": Input("routeTableId"),
    "DestinationCidrBlock": Input("destinationCidrBlock"),
    **{name[0].upper() + name[1:]: Input(name) for name in _ROUTE_TARGETS},
}

ROUTE = Resource(
    pulumi_type="aws:ec2/route:Route",
    client="ec2",
    cfn="AWS::EC2::Route",
    create=Call("create_route", _ROUTE_PARAMS),
    id=IdOf(("routeTableId", "destinationCidrBlock"), "_"),
    read=(
        Look(
            "describe_route_tables",
            {"RouteTableIds": [Input("routeTableId")]},
            path=(
                "RouteTables",
                0,
                "Routes",
                Where("DestinationCidrBlock", Input("destinationCidrBlock")),
            ),
        ),
    ),
    steps=(Call("replace_route", _ROUTE_PARAMS, when=_ROUTE_TARGETS, only_update=True),),
    delete=(
        Call(
            "delete_route",
            {
                "RouteTableId": Input("routeTableId"),
                "DestinationCidrBlock": Input("destinationCidrBlock"),
            },
        ),
    ),
    adopt=Adopt(("RouteAlreadyExists",)),
)

ROUTE_TABLE_ASSOCIATION = Resource(
    pulumi_type="aws:ec2/routeTableAssociation:RouteTableAssociation",
    client="ec2",
    cfn="AWS::EC2::SubnetRouteTableAssociation",
    create=Call("associate_route_table", takes_inputs=True),
    id=("AssociationId",),
    read=(
        Look(
            "describe_route_tables",
            {"Filters": [{"Name": "association.route-table-association-id", "Values": [ID]}]},
            path=("RouteTables", 0, "Associations", Where("RouteTableAssociationId", ID)),
        ),
    ),
    delete=(Call("disassociate_route_table", {"AssociationId": ID}),),
    replace=("gatewayId",),
    identity=("subnetId", "gatewayId"),
)

_ENDPOINT_CHANGES = (
    "routeTableIds",
    "subnetIds",
    "securityGroupIds",
    "policy",
    "privateDnsEnabled",
)

VPC_ENDPOINT = Resource(
    pulumi_type="aws:ec2/vpcEndpoint:VpcEndpoint",
    client="ec2",
    cfn="AWS::EC2::VPCEndpoint",
    create=Call("create_vpc_endpoint", takes_inputs=True),
    id=("VpcEndpoint", "VpcEndpointId"),
    read=(
        Look("describe_vpc_endpoints", {"VpcEndpointIds": [ID]}, path=("VpcEndpoints", 0)),
        Look(
            "describe_prefix_lists",
            {"Filters": [{"Name": "prefix-list-name", "Values": [Input("serviceName")]}]},
            path=("PrefixLists", Where("PrefixListName", Input("serviceName")), "PrefixListId"),
            at="PrefixListId",
            optional=True,
        ),
    ),
    gone_when={"State": ("deleted", "deleting")},
    steps=(
        Call(
            "modify_vpc_endpoint",
            {
                "VpcEndpointId": ID,
                "AddRouteTableIds": Added("routeTableIds"),
                "RemoveRouteTableIds": Removed("routeTableIds"),
                "AddSubnetIds": Added("subnetIds"),
                "RemoveSubnetIds": Removed("subnetIds"),
                "AddSecurityGroupIds": Added("securityGroupIds"),
                "RemoveSecurityGroupIds": Removed("securityGroupIds"),
                "PolicyDocument": Added("policy"),
                "PrivateDnsEnabled": Added("privateDnsEnabled"),
            },
            when=_ENDPOINT_CHANGES,
            only_update=True,
        ),
    ),
    delete=(
        # moto fails to delete an endpoint whose route tables were changed after its creation.
        Call(
            "modify_vpc_endpoint",
            {"VpcEndpointId": ID, "RemoveRouteTableIds": Input("routeTableIds")},
            only_if="routeTableIds",
        ),
        Call("delete_vpc_endpoints", {"VpcEndpointIds": [ID]}),
    ),
    rename={"policy": "PolicyDocument", "securityGroupIds": "Groups.*.GroupId"},
    computed={"arn": Text("arn:{partition}:ec2:{region}:{account}:vpc-endpoint/{id}")},
    json=("policy",),
    tags=ec2_tags("vpc-endpoint"),
)

RESOURCES = (
    VPC,
    SUBNET,
    INTERNET_GATEWAY,
    EIP,
    NAT_GATEWAY,
    ROUTE_TABLE,
    ROUTE,
    ROUTE_TABLE_ASSOCIATION,
    VPC_ENDPOINT,
)
