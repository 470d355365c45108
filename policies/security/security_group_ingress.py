"""No port is open to the internet, but those that the platform team names.

Judged is who may come in. Who may go out is left to routes: nodes are in private
subnets, and what they reach is a matter of NAT gateways and endpoints; an egress
rule to everybody is EC2's own default, without which an image cannot be pulled.
https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi_policy import PolicyConfigSchema, PolicyResource, Severity, StackValidationPolicy
from pulumi_policy.proxy import UnknownValueError

from policies.aws.cidrs import Network, is_open, networks
from policies.aws.node_groups import known_text, of_type, refers_to
from policies.choices import texts, texts_schema
from policies.declared import declared
from policies.quantities import quantity
from policies.reading import child, elements, is_one_of, known, one_or_more, shown
from policies.review import Config, Place, Review, of_stack, resource

_GROUPS = (
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
)
_OLD_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
_PREFIX_LIST = "aws:ec2/managedPrefixList:ManagedPrefixList"
_PREFIX_LIST_ENTRY = "aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry"
_WITH_PORTS = frozenset({"tcp", "udp", "6", "17"})


@dataclass(frozen=True, slots=True)
class _Choice:
    """What the platform team lets in."""

    ports: frozenset[int]
    cidrs: Sequence[Network]
    prefix_lists: Sequence[str]

    def lets_in(self, rule: "_Rule") -> bool:
        """Whether all ports of the rule are public ones."""
        if not self.ports or not is_one_of(child(rule.fields, rule.protocol), _WITH_PORTS):
            return False
        first, last = (quantity(child(rule.fields, end)) for end in ("fromPort", "toPort"))
        return (
            first is not None
            and last is not None
            and 0 <= last - first < len(self.ports)
            and all(port in self.ports for port in range(int(first), int(last) + 1))
        )


@dataclass(frozen=True, slots=True)
class _Rule:
    """An ingress rule; which fields hold its protocol, its ranges and its prefix lists."""

    place: Place
    member: PolicyResource
    property_name: str
    fields: Mapping[str, Any]
    protocol: str
    cidrs: tuple[str, ...]
    prefix_list: str

    def ranges(self) -> Iterator[Any]:
        for name in self.cidrs:
            yield from one_or_more(child(self.fields, name))

    def prefix_lists(self) -> list[Any]:
        try:
            return one_or_more(child(self.fields, self.prefix_list))
        except UnknownValueError as error:
            return [error]

    @property
    def ports(self) -> str:
        """For a message; unknown ones are said to be so."""
        try:
            protocol = shown(child(self.fields, self.protocol))
            first, last = (shown(child(self.fields, end)) for end in ("fromPort", "toPort"))
        except UnknownValueError:
            return "ports that are not known yet"
        if protocol in ("-1", "all"):
            return "all protocols"
        return f"{protocol} {first}" if first == last else f"{protocol} {first} to {last}"


def _check(review: Review, resources: Sequence[PolicyResource], config: Config) -> None:
    ports = (quantity(each) for each in texts(config, "publicPorts"))
    choice = _Choice(
        frozenset(int(port) for port in ports if port is not None),
        networks(config, "allowedCidrs"),
        texts(config, "allowedPrefixLists"),
    )
    exempt = texts(config, "exempt")
    for rule in _rules(review, resources):
        if rule.member.name not in exempt:
            with review.reading(rule.place):
                _check_rule(review, rule, choice, resources)


def _check_rule(
    review: Review, rule: _Rule, choice: _Choice, resources: Sequence[PolicyResource]
) -> None:
    for cidr in rule.ranges():
        with review.reading(rule.place):
            if is_open(known(cidr), choice.cidrs) and not choice.lets_in(rule):
                _refuse(review, rule, shown(cidr), choice)
    for given in rule.prefix_lists():
        with review.reading(rule.place):
            _check_prefix_list(review, rule, given, choice, resources)


def _check_prefix_list(
    review: Review,
    rule: _Rule,
    given: Any,
    choice: _Choice,
    resources: Sequence[PolicyResource],
) -> None:
    """Its ranges where the stack makes it; else only the platform team can know it."""
    if is_one_of(given, choice.prefix_lists):
        return
    lists = [
        each
        for each in of_type(resources, _PREFIX_LIST)
        if refers_to(rule.member, (rule.property_name,), each)
        or (isinstance(given, str) and given == known_text(each, "id"))
    ]
    if not lists:
        review.could_not_check(
            rule.place,
            f"addresses of prefix list {shown(known(given))}, which is neither of the stack nor in"
            " allowedPrefixLists",
        )
    for made in lists:
        for cidr in _entries(made, resources):
            if is_open(known(cidr), choice.cidrs) and not choice.lets_in(rule):
                _refuse(review, rule, f'{shown(cidr)} by prefix list "{made.name}"', choice)


def _refuse(review: Review, rule: _Rule, source: str, choice: _Choice) -> None:
    allowed = f", but for ports {', '.join(map(str, sorted(choice.ports)))}" if choice.ports else ""
    review.refuse(
        rule.place,
        found=f"ingress of {rule.ports} from {source}",
        allowed=f"networks of your own, or other security groups{allowed}",
        fix="name the network or the security group that has to come in",
    )


def _rules(review: Review, resources: Sequence[PolicyResource]) -> Iterator[_Rule]:
    inline = ("protocol", ("cidrBlocks", "ipv6CidrBlocks"), "prefixListIds")
    for member in resources:
        place = resource(member).place
        if member.resource_type not in (*_GROUPS, _OLD_RULE, _RULE):
            continue
        if (props := declared(member)) is None:
            review.has_no_properties(place)
        elif member.resource_type in _GROUPS:
            with review.reading(place):
                for index, fields in enumerate(elements(child(props, "ingress"))):
                    here = place.inside(f"ingress {index}")
                    with review.reading(here):
                        yield _Rule(here, member, "ingress", known(fields), *inline)
        elif member.resource_type == _RULE:
            cidrs = ("cidrIpv4", "cidrIpv6")
            yield _Rule(place, member, "prefixListId", props, "ipProtocol", cidrs, "prefixListId")
        else:
            with review.reading(place):
                if child(props, "type") == "ingress":
                    yield _Rule(place, member, "prefixListIds", props, *inline)


def _entries(made: PolicyResource, resources: Sequence[PolicyResource]) -> Iterator[Any]:
    for entry in elements(child(declared(made), "entries")):
        yield child(known(entry), "cidr")
    for entry in of_type(resources, _PREFIX_LIST_ENTRY):
        if refers_to(entry, ("prefixListId",), made):
            yield child(declared(entry), "cidr")


POLICY = StackValidationPolicy(
    name="aws-security-group-ingress-closed",
    display_name="No port is open to the internet",
    description="No security group lets the whole internet in, by a CIDR or by a prefix list, but"
    " on the ports that the platform team names.",
    validate=of_stack(_check),
    severity=Severity.CRITICAL,
    tags=["aws", "ec2", "network", "security"],
    remediation_steps="Name the networks or security groups that have to come in; a service for"
    " everybody belongs behind a load balancer, whose ports are named in publicPorts.",
    url="https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html",
    config_schema=PolicyConfigSchema(
        properties={
            "publicPorts": {
                "type": "array",
                "items": {"type": "integer", "minimum": 0, "maximum": 65535},
                "description": "TCP and UDP ports that may be open to everybody, such as 443.",
                "default": [],
            },
            "allowedCidrs": texts_schema("Large networks that are your own."),
            "allowedPrefixLists": texts_schema(
                "Ids of prefix lists outside of the stack whose addresses are"
                " known to you, such as CloudFront's."
            ),
            "exempt": texts_schema("Names of security groups and rules that are not judged."),
        }
    ),
)
