"""The VPC: private subnets for all nodes, endpoints for AWS, a way out if wanted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2, vpc

from catalog.vpc_endpoints import INTERFACE_ENDPOINTS
from stacks.settings.network import NetworkSettings


@dataclass(frozen=True, slots=True)
class NetworkArgs:
    """Which parts of the VPC are for what, `NetworkSettings.eighths` says."""

    region: str
    settings: NetworkSettings


class Network(pulumi.ComponentResource):
    """Outputs: `vpc_id`, and `private_subnet_ids` by zone."""

    vpc_id: pulumi.Output[str]
    private_subnet_ids: Mapping[str, pulumi.Output[str]]

    def __init__(
        self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("moe-serving:index:Network", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self._name = name
        self._child = child
        zones = args.settings.zones
        cidr_block = str(args.settings.cidr_block)
        eighths = args.settings.eighths()

        self._vpc = ec2.Vpc(
            name,
            cidr_block=cidr_block,
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags={"Name": name},
            opts=child,
        )
        self.vpc_id = self._vpc.id
        private = {
            zone: self._subnet(f"private-{zone}", zone, str(eighths[index]))
            for index, zone in enumerate(zones)
        }
        self.private_subnet_ids = {zone: subnet.id for zone, subnet in private.items()}
        tables = {zone: self._route_table(f"private-{zone}", private[zone]) for zone in zones}
        if args.settings.nat_gateways != "none":
            public_cidrs = [str(cidr) for cidr in eighths[-1].subnets(prefixlen_diff=5)]
            one_each = args.settings.nat_gateways == "one_per_zone"
            self._way_out(zones if one_each else zones[:1], public_cidrs, tables)
        self._endpoints(args.region, cidr_block, tables)
        self.register_outputs(
            {"vpc_id": self.vpc_id, "private_subnet_ids": dict(self.private_subnet_ids)}
        )

    def _subnet(self, purpose: str, zone: str, cidr_block: str) -> ec2.Subnet:
        role = "internal-elb" if purpose.startswith("private") else "elb"
        return ec2.Subnet(
            f"{self._name}-{purpose}",
            vpc_id=self.vpc_id,
            availability_zone=zone,
            cidr_block=cidr_block,
            map_public_ip_on_launch=False,
            tags={"Name": f"{self._name}-{purpose}", f"kubernetes.io/role/{role}": "1"},
            opts=self._child,
        )

    def _route_table(self, purpose: str, subnet: ec2.Subnet) -> ec2.RouteTable:
        table = ec2.RouteTable(
            f"{self._name}-{purpose}",
            vpc_id=self.vpc_id,
            tags={"Name": f"{self._name}-{purpose}"},
            opts=self._child,
        )
        ec2.RouteTableAssociation(
            f"{self._name}-{purpose}",
            route_table_id=table.id,
            subnet_id=subnet.id,
            opts=self._child,
        )
        return table

    def _way_out(
        self,
        zones: Sequence[str],
        cidr_blocks: Sequence[str],
        private_tables: Mapping[str, ec2.RouteTable],
    ) -> None:
        internet = ec2.InternetGateway(
            self._name, vpc_id=self.vpc_id, tags={"Name": self._name}, opts=self._child
        )
        gateways: dict[str, ec2.NatGateway] = {}
        for zone, cidr_block in zip(zones, cidr_blocks, strict=False):
            subnet = self._subnet(f"public-{zone}", zone, cidr_block)
            table = self._route_table(f"public-{zone}", subnet)
            ec2.Route(
                f"{self._name}-public-{zone}",
                route_table_id=table.id,
                destination_cidr_block="0.0.0.0/0",
                gateway_id=internet.id,
                opts=self._child,
            )
            address = ec2.Eip(
                f"{self._name}-{zone}",
                domain="vpc",
                tags={"Name": f"{self._name}-{zone}"},
                opts=self._child,
            )
            gateways[zone] = ec2.NatGateway(
                f"{self._name}-{zone}",
                allocation_id=address.id,
                subnet_id=subnet.id,
                tags={"Name": f"{self._name}-{zone}"},
                opts=pulumi.ResourceOptions(parent=self, depends_on=[internet]),
            )
        for zone, table in private_tables.items():
            ec2.Route(
                f"{self._name}-private-{zone}",
                route_table_id=table.id,
                destination_cidr_block="0.0.0.0/0",
                nat_gateway_id=gateways.get(zone, gateways[zones[0]]).id,
                opts=self._child,
            )

    def _endpoints(
        self, region: str, cidr_block: str, private_tables: Mapping[str, ec2.RouteTable]
    ) -> None:
        ec2.VpcEndpoint(
            f"{self._name}-s3",
            vpc_id=self.vpc_id,
            vpc_endpoint_type="Gateway",
            service_name=f"com.amazonaws.{region}.s3",
            route_table_ids=[table.id for table in private_tables.values()],
            tags={"Name": f"{self._name}-s3"},
            opts=self._child,
        )
        group = ec2.SecurityGroup(
            f"{self._name}-endpoints",
            description="HTTPS from the VPC to the endpoints of AWS services",
            vpc_id=self.vpc_id,
            tags={"Name": f"{self._name}-endpoints"},
            opts=self._child,
        )
        vpc.SecurityGroupIngressRule(
            f"{self._name}-endpoints-https",
            security_group_id=group.id,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            cidr_ipv4=cidr_block,
            opts=self._child,
        )
        for service in INTERFACE_ENDPOINTS:
            ec2.VpcEndpoint(
                f"{self._name}-{service.replace('.', '-')}",
                vpc_id=self.vpc_id,
                vpc_endpoint_type="Interface",
                service_name=f"com.amazonaws.{region}.{service}",
                subnet_ids=list(self.private_subnet_ids.values()),
                security_group_ids=[group.id],
                private_dns_enabled=True,
                tags={"Name": f"{self._name}-{service}"},
                opts=self._child,
            )
