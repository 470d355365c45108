"""The provider's functions. Results are templates over the answer, as outputs are."""

from sandbox.aws_provider.table.model import Input, Invoke, Live, Look, Text

INVOKES = (
    Invoke(
        function="aws:index/getCallerIdentity:getCallerIdentity",
        client="sts",
        arguments=("id",),
        look=Look("get_caller_identity", {}),
        results={
            "id": Live("Account"),
            "accountId": Live("Account"),
            "arn": Live("Arn"),
            "userId": Live("UserId"),
        },
    ),
    Invoke(
        function="aws:index/getPartition:getPartition",
        client="ec2",
        arguments=("id",),
        look=None,
        results={
            "id": Text("{partition}"),
            "partition": Text("{partition}"),
            "dnsSuffix": Text("{dns_suffix}"),
            "reverseDnsPrefix": Text("{reverse_dns}"),
        },
    ),
    Invoke(
        function="aws:index/getRegion:getRegion",
        client="ec2",
        arguments=("endpoint", "id", "name", "region"),
        look=Look(
            "describe_regions", {"RegionNames": [Input("region", Text("{region}"))]}, ("Regions", 0)
        ),
        results={
            "id": Live("RegionName"),
            "name": Live("RegionName"),
            "region": Live("RegionName"),
            "endpoint": Live("Endpoint"),
            "description": Text("{description}"),
        },
    ),
    Invoke(
        function="aws:index/getAvailabilityZones:getAvailabilityZones",
        client="ec2",
        arguments=(
            "allAvailabilityZones",
            "excludeNames",
            "excludeZoneIds",
            "filters",
            "region",
            "state",
        ),
        look=Look(
            "describe_availability_zones",
            {"AllAvailabilityZones": Input("allAvailabilityZones"), "Filters": Input("filters")},
        ),
        results={
            "id": Text("{region}"),
            "names": Live("AvailabilityZones.*.ZoneName"),
            "zoneIds": Live("AvailabilityZones.*.ZoneId"),
            "groupNames": Live("AvailabilityZones.*.GroupName"),
            "region": Text("{region}"),
            "state": Input("state"),
            "excludeNames": Input("excludeNames"),
            "excludeZoneIds": Input("excludeZoneIds"),
            "filters": Input("filters"),
        },
    ),
)
