from typing import Any

import pytest
from pulumi_policy import PolicyResource

from policies.security.security_group_ingress import POLICY
from tests.policies.efa_stack import EFA_GROUP_ID, INGRESS, OLD_RULE, SECURITY_GROUP, Stack
from tests.policies.engine_input import UNKNOWN, Said, check_stack, resource

PREFIX_LIST = "aws:ec2/managedPrefixList:ManagedPrefixList"
ENTRY = "aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry"
EVERYBODY = "0.0.0.0/0"


def rule(kind: str = INGRESS, **props: Any) -> PolicyResource:
    return resource(kind, "ssh", {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, **props})


def old(**props: Any) -> PolicyResource:
    return resource(
        OLD_RULE,
        "ssh",
        {"type": "ingress", "protocol": "tcp", "fromPort": 22, "toPort": 22, **props},
    )


def group(*ingress: Any, **props: Any) -> PolicyResource:
    return resource(SECURITY_GROUP, "web", {"ingress": list(ingress), **props})


def check(*resources: PolicyResource, **config: Any) -> Said:
    return check_stack(POLICY, resources, config)


def test_our_own_rules_are_allowed() -> None:
    assert check(*Stack().resources).nothing
    assert check(*Stack(created=False).resources).nothing
    assert check(rule(cidrIpv4="10.20.0.0/16", fromPort=443, toPort=443)).nothing


@pytest.mark.parametrize(
    ("member", "found"),
    [
        (rule(cidrIpv4=EVERYBODY), "tcp 22 from 0.0.0.0/0"),
        (rule(cidrIpv6="::/0"), "tcp 22 from ::/0"),
        (rule(cidrIpv4="128.0.0.0/1"), "tcp 22 from 128.0.0.0/1"),
        (rule(cidrIpv6="2000::/3"), "tcp 22 from 2000::/3"),
        (rule(cidrIpv4=EVERYBODY, ipProtocol="-1"), "all protocols from 0.0.0.0/0"),
        (rule(cidrIpv4=EVERYBODY, fromPort=UNKNOWN), "ports that are not known yet from"),
        (old(cidrBlocks=["10.0.0.0/8", EVERYBODY]), "tcp 22 from 0.0.0.0/0"),
        (old(ipv6CidrBlocks=["::/0"]), "tcp 22 from ::/0"),
        (
            group({"protocol": "tcp", "fromPort": 1, "toPort": 9, "cidrBlocks": [EVERYBODY]}),
            "tcp 1 to 9 from 0.0.0.0/0",
        ),
        (group({"self": True}, {"ipv6CidrBlocks": ["::/0"], "protocol": "-1"}), "all protocols"),
    ],
)
def test_the_whole_internet_is_refused(member: PolicyResource, found: str) -> None:
    said = check(member)
    assert f"found ingress of {found}" in said.only()
    assert "allowed: networks of your own" in said.only()


@pytest.mark.parametrize(
    "member",
    [
        rule(cidrIpv4="203.0.113.0/24"),
        rule(cidrIpv4="10.0.0.0/8"),
        rule(cidrIpv6="2001:db8::/32"),
        rule(referencedSecurityGroupId=EFA_GROUP_ID, ipProtocol="-1"),
        old(type="egress", cidrBlocks=[EVERYBODY]),
        old(self=True),
        group(
            {"protocol": "-1", "self": True, "cidrBlocks": []}, egress=[{"cidrBlocks": ["::/0"]}]
        ),
        resource(
            "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
            "out",
            {"cidrIpv4": EVERYBODY},
        ),
        resource(
            "aws:ec2/networkAcl:NetworkAcl", "acl", {"ingress": [{"cidrBlocks": [EVERYBODY]}]}
        ),
    ],
)
def test_networks_of_ones_own_and_every_way_out_are_allowed(member: PolicyResource) -> None:
    assert check(member).nothing


def test_public_ports_are_the_teams_choice() -> None:
    web = rule(cidrIpv4=EVERYBODY, fromPort=443, toPort=443)
    assert check(web, publicPorts=[80, 443]).nothing
    both = rule(cidrIpv4=EVERYBODY, fromPort=80, toPort=443)
    assert "but for ports 80, 443" in check(both, publicPorts=[80, 443]).only()
    assert check(rule(cidrIpv4=EVERYBODY, ipProtocol="-1"), publicPorts=[22]).refusals
    unread = check(rule(cidrIpv4=EVERYBODY, fromPort=UNKNOWN), publicPorts=[443])
    assert not unread.refusals
    assert len(unread.unchecked) == 1


def test_large_networks_and_names_are_the_teams_choice() -> None:
    assert check(rule(cidrIpv4="16.0.0.0/7"), allowedCidrs=["16.0.0.0/6"]).nothing
    assert check(rule(cidrIpv4="16.0.0.0/7"), allowedCidrs=["2000::/3"]).refusals
    assert check(rule(cidrIpv4=EVERYBODY), exempt=["ssh"]).nothing
    assert check(rule(cidrIpv4=EVERYBODY), exempt=["web"]).refusals
    assert check(rule(cidrIpv4="16.0.0.0/7"), allowedCidrs=["all"]).unchecked


def test_a_prefix_list_of_the_stack_is_read() -> None:
    made = resource(PREFIX_LIST, "all", {"id": UNKNOWN, "entries": [{"cidr": EVERYBODY}]})
    of_it = resource(
        INGRESS,
        "by-list",
        {"ipProtocol": "-1", "prefixListId": UNKNOWN},
        {"prefixListId": [made]},
    )
    assert '0.0.0.0/0 by prefix list "all"' in check(made, of_it).only()
    empty = resource(PREFIX_LIST, "all", {"id": "pl-1"})
    entry = resource(ENTRY, "one", {"prefixListId": "pl-1", "cidr": EVERYBODY})
    inline = group({"protocol": "tcp", "fromPort": 1, "toPort": 1, "prefixListIds": ["pl-1"]})
    assert check(empty, entry, inline).refusals
    assert check(empty, inline).nothing


def test_a_prefix_list_from_elsewhere_is_the_teams_to_know() -> None:
    cloudfront = rule(prefixListId="pl-3b927c52")
    assert "addresses of prefix list pl-3b927c52" in check(cloudfront).unchecked[0]
    assert check(cloudfront, allowedPrefixLists=["pl-3b927c52"]).nothing


@pytest.mark.parametrize(
    "member",
    [
        rule(cidrIpv4=UNKNOWN),
        rule(cidrIpv4="anywhere"),
        rule(cidrIpv6=["::/0", {}]),
        rule(prefixListId=UNKNOWN),
        old(cidrBlocks=UNKNOWN),
        old(cidrBlocks=[UNKNOWN]),
        group({"cidrBlocks": [UNKNOWN]}),
        group(UNKNOWN),
        resource(SECURITY_GROUP, "web", {}),
        resource(INGRESS, "web", {}),
    ],
)
def test_what_is_not_known_is_said(member: PolicyResource) -> None:
    said = check(member)
    assert not [each for each in said.refusals if "::/0" not in each]
    assert said.unchecked


def test_an_unknown_hides_nothing_beside_it() -> None:
    said = check(old(cidrBlocks=[UNKNOWN, EVERYBODY]))
    assert len(said.refusals) == len(said.unchecked) == 1
