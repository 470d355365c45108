"""What the stand-in refuses, replaces, keeps, takes over after a crash, and says."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import boto3
import pytest
from pulumi.runtime.proto import provider_pb2

from sandbox.aws_provider import kept_by_stand_in
from sandbox.aws_provider.kept_store import KeptStore
from sandbox.aws_provider.wire import DEFAULTS, UNKNOWN, from_struct, to_struct
from tests.sandbox.test_aws_provider import (
    CLUSTER,
    LUSTRE,
    NODES,
    ROLE,
    TEMPLATE,
    TRUST,
    VPC,
    AbortedError,
    Engine,
    World,
    cluster_inputs,
    engine,
    environment,
    lustre_inputs,
    node_group_inputs,
    template_inputs,
    urn_of,
)

__all__ = ["engine", "environment"]

PLACEMENT = "aws:ec2/placementGroup:PlacementGroup"


def client(environment: dict[str, str], name: str) -> Any:
    make: Any = boto3.client
    return make(
        name,
        region_name="us-east-1",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id="AKIATEST",
        aws_secret_access_key="test",
    )


def test_unknown_property_is_refused_with_a_hint(engine: Engine) -> None:
    _, failures = engine.check(urn_of(VPC), {"cidrBlok": "10.0.0.0/16"})
    assert "did you mean cidrBlock" in failures["cidrBlok"]


def test_unknown_nested_property_is_refused_by_its_path(engine: Engine) -> None:
    inputs = {"networkInterfaces": [{"networkCardIndx": 1}]}
    _, failures = engine.check(urn_of(TEMPLATE), inputs)
    assert "networkInterfaces[0].networkCardIndx" in failures


def test_property_that_no_call_takes_is_refused(engine: Engine) -> None:
    _, failures = engine.check(urn_of(ROLE), {"assumeRolePolicy": TRUST, "managedPolicyArns": []})
    assert "not supported by the sandbox's stand-in" in failures["managedPolicyArns"]


@pytest.mark.parametrize(
    ("token", "inputs", "path", "allowed"),
    [
        (PLACEMENT, {"strategy": "clustr"}, "strategy", "cluster"),
        (
            TEMPLATE,
            {"networkInterfaces": [{"interfaceType": "efaa"}]},
            "networkInterfaces[0].interfaceType",
            "efa-only",
        ),
        (TEMPLATE, {"instanceType": "p4d.25xlarge"}, "instanceType", "allowed"),
        (
            TEMPLATE,
            {"metadataOptions": {"httpTokens": "yes"}},
            "metadataOptions.httpTokens",
            "required",
        ),
    ],
)
def test_value_that_aws_does_not_list(
    engine: Engine, token: str, inputs: dict[str, Any], path: str, allowed: str
) -> None:
    _, failures = engine.check(urn_of(token), inputs)
    assert allowed in failures[path]


def test_node_group_enum_type_and_required(engine: Engine) -> None:
    world = World(engine)
    inputs = {
        **node_group_inputs(world),
        "amiType": "AL2023",
        "instanceTypes": "m6i.large",
        "taints": [{"key": "a", "effect": "NoSchedule"}],
    }
    del inputs["subnetIds"]
    _, failures = engine.check(urn_of(NODES), inputs)
    assert "AL2023_x86_64_NVIDIA" in failures["amiType"]
    assert "type list" in failures["instanceTypes"]
    assert "NO_SCHEDULE" in failures["taints[0].effect"]
    assert "required" in failures["subnetIds"]


def test_unknown_values_pass_check(engine: Engine) -> None:
    inputs = {
        "clusterName": UNKNOWN,
        "nodeRoleArn": UNKNOWN,
        "subnetIds": UNKNOWN,
        "scalingConfig": {"desiredSize": 1, "minSize": 1, "maxSize": 1},
        "launchTemplate": {"id": UNKNOWN, "version": UNKNOWN},
    }
    checked, failures = engine.check(urn_of(NODES), inputs)
    assert failures == {}
    shown = engine.create(urn_of(NODES), checked, preview=True)[1]
    assert shown["launchTemplate"]["name"] == UNKNOWN
    assert shown["arn"] == UNKNOWN


def test_unknown_type_is_one_clear_error(engine: Engine) -> None:
    with pytest.raises(AbortedError, match="does not know the resource type aws:sqs/queue:Queue"):
        engine.check(urn_of("aws:sqs/queue:Queue"), {})


def test_unknown_function_is_one_clear_error(engine: Engine) -> None:
    request = provider_pb2.InvokeRequest(tok="aws:ec2/getAmi:getAmi")
    with pytest.raises(AbortedError, match="does not know the function aws:ec2/getAmi:getAmi"):
        engine.servicer.Invoke(request, engine.context)


@pytest.mark.parametrize(
    ("function", "output", "wanted"),
    [
        ("getCallerIdentity", "accountId", "123456789012"),
        ("getPartition", "partition", "aws"),
        ("getRegion", "region", "us-east-1"),
        ("getAvailabilityZones", "names", [f"us-east-1{letter}" for letter in "abcdef"]),
    ],
)
def test_functions(engine: Engine, function: str, output: str, wanted: object) -> None:
    request = provider_pb2.InvokeRequest(tok=f"aws:index/{function}:{function}")
    answer = engine.servicer.Invoke(request, engine.context)
    assert from_struct(getattr(answer, "return"))[output] == wanted


@pytest.mark.parametrize("url", ["https://ec2.us-east-1.amazonaws.com", "http://10.0.0.1", ""])
def test_endpoint_elsewhere_is_refused(environment: dict[str, str], url: str) -> None:
    with pytest.raises(AbortedError, match="must be an address of this machine"):
        Engine({**environment, "AWS_ENDPOINT_URL": url})


def test_service_endpoint_elsewhere_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(AbortedError, match="must be an address of this machine"):
        Engine(environment, endpoints=[{"eks": "https://eks.us-east-1.amazonaws.com"}])


def test_unknown_setting_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(AbortedError, match="does not know the setting aws:regoin"):
        Engine(environment, regoin="us-east-1")


def test_other_account_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(AbortedError, match="allows only 111111111111"):
        Engine(environment, allowedAccountIds=["111111111111"])


def test_ignored_changes_do_not_count(engine: Engine) -> None:
    world, urn = World(engine), urn_of(NODES)
    old = engine.checked(urn, node_group_inputs(world))
    new = {**old, "scalingConfig": {"desiredSize": 2, "minSize": 0, "maxSize": 2}}
    difference = engine.diff(urn, "a:b", old, {}, new, ignore=["scalingConfig.desiredSize"])
    assert difference.changes == provider_pb2.DiffResponse.DIFF_NONE


def test_name_is_chosen_and_stays(engine: Engine) -> None:
    urn = urn_of(ROLE, "reader")
    first = engine.checked(urn, {"assumeRolePolicy": TRUST})
    assert first["name"].startswith("reader-")
    assert len(first["name"]) == len("reader-") + 7
    again = engine.checked(urn, {"assumeRolePolicy": TRUST}, first)
    assert again == first
    assert again[DEFAULTS] == ["name"]


def test_default_tags_reach_the_resource_and_its_diff(environment: dict[str, str]) -> None:
    urn = urn_of(VPC)
    tagged = Engine(environment, defaultTags={"tags": {"project": "moe"}})
    inputs = tagged.checked(urn, {"cidrBlock": "10.0.0.0/16", "tags": {"a": "b"}})
    identifier, outputs = tagged.create(urn, inputs)
    assert outputs["tagsAll"] == {"project": "moe", "a": "b"}
    assert outputs["tags"] == {"a": "b"}
    other = Engine(environment, defaultTags={"tags": {"project": "other"}})
    assert list(other.diff(urn, identifier, inputs, outputs, inputs).diffs) == ["tagsAll"]
    changed = other.update(urn, identifier, inputs, outputs, inputs)
    assert changed["tagsAll"] == {"project": "other", "a": "b"}


def test_drift_is_seen_by_a_refresh(engine: Engine, environment: dict[str, str]) -> None:
    urn = urn_of(VPC)
    inputs = engine.checked(urn, {"cidrBlock": "10.0.0.0/16", "enableDnsHostnames": True})
    identifier, outputs = engine.create(urn, inputs)
    ec2 = client(environment, "ec2")
    ec2.modify_vpc_attribute(VpcId=identifier, EnableDnsHostnames={"Value": False})
    ec2.create_tags(Resources=[identifier], Tags=[{"Key": "by", "Value": "hand"}])
    _, now, _ = engine.read(urn, identifier, inputs, outputs)
    assert now == {**inputs, "enableDnsHostnames": False, "tags": {"by": "hand"}}


@pytest.mark.parametrize("part", ["vpc", "role", "cluster"])
def test_import_by_id_gives_inputs_that_pass_check(engine: Engine, part: str) -> None:
    world = World(engine)
    identifier, _ = world.make(part)
    urn = urn_of({"vpc": VPC, "role": ROLE, "cluster": CLUSTER}[part], "imported")
    found, inputs, outputs = engine.read(urn, identifier)
    assert found == identifier
    assert outputs
    assert engine.check(urn, inputs)[1] == {}


def test_import_of_a_node_group(engine: Engine) -> None:
    urn = urn_of(NODES)
    made = engine.checked(urn, node_group_inputs(World(engine)))
    identifier, _ = engine.create(urn, made)
    _, inputs, _ = engine.read(urn_of(NODES, "other"), identifier)
    assert engine.check(urn, inputs)[1] == {}
    assert inputs["instanceTypes"] == ["m6i.large"]
    assert inputs["releaseVersion"] == made["releaseVersion"]


def test_an_id_of_the_wrong_form_is_told(engine: Engine) -> None:
    with pytest.raises(AbortedError, match="is not of the form <clusterName>:<nodeGroupName>"):
        engine.read(urn_of(NODES), "main")


def test_what_a_killed_run_made_is_taken_over(engine: Engine, environment: dict[str, str]) -> None:
    urn = urn_of(VPC)
    inputs = engine.checked(urn, {"cidrBlock": "10.0.0.0/16"})
    first, _ = engine.create(urn, inputs)
    again, _ = Engine(environment).create(urn, inputs)
    assert again == first
    other = engine.create(urn, {"cidrBlock": "10.9.0.0/16"})[0]
    assert other != first


def test_what_the_engine_knows_is_not_taken_over(engine: Engine) -> None:
    urn = urn_of(VPC)
    inputs = engine.checked(urn, {"cidrBlock": "10.0.0.0/16"})
    first, outputs = engine.create(urn, inputs)
    engine.diff(urn, first, inputs, outputs, inputs)
    assert engine.create(urn, inputs)[0] != first


def test_a_chosen_name_survives_a_killed_run(engine: Engine, environment: dict[str, str]) -> None:
    urn = urn_of(ROLE)
    inputs = engine.checked(urn, {"assumeRolePolicy": TRUST})
    first, _ = engine.create(urn, inputs)
    later = Engine(environment)
    request = provider_pb2.CheckRequest(
        urn=urn, news=to_struct({"assumeRolePolicy": TRUST}), randomSeed=b"another run"
    )
    again = from_struct(later.servicer.Check(request, later.context).inputs)
    assert again == inputs
    assert later.create(urn, again)[0] == first


@pytest.mark.parametrize("token", [ROLE, CLUSTER, NODES, TEMPLATE])
def test_a_thing_of_that_name_is_taken_over_if_it_agrees(
    engine: Engine, environment: dict[str, str], token: str
) -> None:
    world, urn = World(engine), urn_of(token)
    made = {
        ROLE: lambda w: {"name": "fixed", "assumeRolePolicy": TRUST, "tags": {"a": "b"}},
        CLUSTER: cluster_inputs,
        NODES: lambda w: {**node_group_inputs(w), "nodeGroupName": "fixed"},
        TEMPLATE: lambda w: {**template_inputs(w), "name": "fixed"},
    }[token](world)  # type: ignore[no-untyped-call]
    inputs = engine.checked(urn, made)
    first, _ = engine.create(urn, inputs)
    with KeptStore(Path(environment["MOE_SANDBOX_DIR"]) / "aws").change() as content:
        content["creations"].clear()
    assert engine.create(urn, inputs)[0] == first
    with pytest.raises(AbortedError, match=f"{token}::thing: .*lready"):
        engine.create(urn, {**inputs, "tags": {"someone": "else"}})


def test_kept_store_survives_and_is_for_the_owner_only(
    engine: Engine, environment: dict[str, str]
) -> None:
    urn = urn_of(LUSTRE)
    inputs = engine.checked(urn, lustre_inputs(World(engine)))
    identifier, outputs = engine.create(urn, inputs)
    file = Path(environment["MOE_SANDBOX_DIR"]) / "aws" / "kept.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert Engine(environment).read(urn, identifier, inputs, outputs)[2] == outputs


def test_kept_store_is_whole_after_an_interrupted_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = KeptStore(tmp_path)
    with store.change() as content:
        content["backed"] = "before"

    def killed(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", killed)
    with pytest.raises(KeyboardInterrupt), store.change() as content:
        content["backed"] = "after"
    monkeypatch.undo()
    assert KeptStore(tmp_path).read()["backed"] == "before"
    assert [file.name for file in tmp_path.glob("*kept.json*")] == ["kept.json"]


def test_kept_calls_are_validated_by_the_service_model(engine: Engine) -> None:
    token = "aws:eks/accessEntry:AccessEntry"
    urn = urn_of(token)
    with pytest.raises(AbortedError, match="Missing required parameter .*principalArn"):
        engine.create(
            urn, {"clusterName": World(engine)["cluster"], "tags": {"a": "b"}, "principalArn": None}
        )


def test_kept_things_need_their_cluster(engine: Engine) -> None:
    urn = urn_of("aws:eks/addon:Addon")
    inputs = engine.checked(urn, {"clusterName": "nowhere", "addonName": "vpc-cni"})
    with pytest.raises(AbortedError, match=r"vpc|ResourceNotFoundException.*nowhere"):
        engine.create(urn, inputs)


def test_dependency_violation_is_one_sentence(engine: Engine) -> None:
    world = World(engine)
    identifier, outputs = world.make("vpc")
    assert world["subnet"]
    with pytest.raises(AbortedError) as caught:
        engine.delete(urn_of(VPC), identifier, {"cidrBlock": "10.0.0.0/16"}, outputs)
    assert str(caught.value).startswith(f"{urn_of(VPC)}: DeleteVpc: DependencyViolation: ")
    assert "\n" not in str(caught.value)


def test_cluster_has_its_own_security_group(engine: Engine, environment: dict[str, str]) -> None:
    world, urn = World(engine), urn_of(CLUSTER)
    inputs = engine.checked(urn, cluster_inputs(world))
    identifier, outputs = engine.create(urn, inputs)
    group = outputs["vpcConfig"]["clusterSecurityGroupId"]
    assert outputs["vpcConfig"]["vpcId"] == world["vpc"]
    assert outputs["endpoint"] == "https://127.0.0.1:1"
    ec2 = client(environment, "ec2")
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    engine.delete(urn, identifier, inputs, outputs)
    with pytest.raises(ec2.exceptions.ClientError, match=r"InvalidGroup\.NotFound"):
        ec2.describe_security_groups(GroupIds=[group])


def test_a_second_cluster_cannot_have_the_control_plane(
    engine: Engine, environment: dict[str, str], tmp_path: Path
) -> None:
    authority = tmp_path / "ca.crt"
    authority.write_text("authority")
    (tmp_path / "endpoints.json").write_text(
        json.dumps({"kube_server": "https://127.0.0.1:7", "kube_ca_file": str(authority)})
    )
    world = World(engine)
    outputs = world.make("cluster")[1]
    assert outputs["endpoint"] == "https://127.0.0.1:7"
    assert outputs["certificateAuthority"]["data"] == "YXV0aG9yaXR5"
    second = {**cluster_inputs(world), "name": "second"}
    with pytest.raises(AbortedError, match="one control plane, and cluster main has it"):
        engine.create(urn_of(CLUSTER, "second"), second)


def test_kept_is_listed_from_the_table() -> None:
    assert "FSx file systems" in kept_by_stand_in()
    assert "EKS node group settings" in kept_by_stand_in()
    assert "EC2 placement groups" not in kept_by_stand_in()
