"""Buckets and file systems: what is refused, what replaces, and what AWS adds."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.aws_provider.wire import UNKNOWN
from tests.sandbox.test_aws_provider import (
    ALLOW,
    DENY,
    LUSTRE,
    AbortedError,
    Engine,
    World,
    engine,
    environment,
    lustre_inputs,
    urn_of,
)
from tests.sandbox.test_aws_provider_round_trip import CASES, unchanged

__all__ = ["engine", "environment"]

BUCKET = "aws:s3/bucket:Bucket"
ENCRYPTION = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
)
PUBLIC_ACCESS = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
ASSOCIATION = "aws:fsx/dataRepositoryAssociation:DataRepositoryAssociation"


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_a_bucket_is_in_the_region_of_the_provider(
    environment: dict[str, str], region: str
) -> None:
    engine, urn = Engine(environment, region=region), urn_of(BUCKET, "weights")
    inputs = engine.checked(urn, {"tags": {"a": "b"}})
    assert inputs["bucket"].startswith("weights-")
    identifier, outputs = engine.create(urn, inputs)
    assert outputs["arn"] == f"arn:aws:s3:::{identifier}"
    assert outputs["bucketDomainName"] == f"{identifier}.s3.amazonaws.com"
    assert outputs["bucketRegionalDomainName"] == f"{identifier}.s3.{region}.amazonaws.com"
    assert outputs["bucketRegion"] == region
    unchanged(engine, urn, identifier, inputs, outputs)


def test_all_tags_of_a_bucket_can_go(environment: dict[str, str]) -> None:
    engine, urn = Engine(environment), urn_of(BUCKET)
    inputs = engine.checked(urn, {"bucket": "tagged", "tags": {"a": "b", "c": "d"}})
    identifier, outputs = engine.create(urn, inputs)
    fewer = {**inputs, "tags": {"c": "d"}}
    outputs = engine.update(urn, identifier, inputs, outputs, fewer)
    assert outputs["tagsAll"] == {"c": "d"}
    outputs = engine.update(urn, identifier, fewer, outputs, {"bucket": "tagged"})
    assert outputs["tagsAll"] == {}
    tagged = Engine(environment, defaultTags={"tags": {"project": "moe"}})
    outputs = tagged.update(urn, identifier, {"bucket": "tagged"}, outputs, fewer)
    assert outputs["tagsAll"] == {"project": "moe", "c": "d"}
    unchanged(tagged, urn, identifier, fewer, outputs)


@pytest.mark.parametrize(
    ("token", "inputs", "path", "said"),
    [
        (BUCKET, {"forceDestroy": True}, "forceDestroy", "is not supported by the sandbox"),
        (BUCKET, {"bucket": "Weights"}, "bucket", "it must match"),
        (BUCKET, {"versioning": {"enabled": True}}, "versioning", "is not supported"),
        (
            ENCRYPTION,
            {
                "bucket": "b",
                "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "kms"}}],
            },
            "rules[0].applyServerSideEncryptionByDefault.sseAlgorithm",
            "aws:kms",
        ),
        (ENCRYPTION, {"bucket": "b"}, "rules", "is required"),
        (LUSTRE, {"subnetIds": "subnet-1", "deploymentType": "FAST"}, "deploymentType", "SCRATCH"),
        (LUSTRE, {"subnetIds": ["subnet-1"]}, "subnetIds", "type string"),
        (
            LUSTRE,
            {"subnetIds": "subnet-1", "logConfiguration": {"level": "ALL"}},
            "logConfiguration.level",
            "WARN_ERROR",
        ),
        (LUSTRE, {"subnetIds": "subnet-1", "backupId": "backup-1"}, "backupId", "not supported"),
    ],
)
def test_inputs_that_are_refused(
    engine: Engine, token: str, inputs: dict[str, Any], path: str, said: str
) -> None:
    assert said in engine.check(urn_of(token), inputs)[1][path]


def test_a_bucket_keeps_its_name(engine: Engine) -> None:
    difference = engine.diff(urn_of(BUCKET), "a", {"bucket": "a"}, {}, {"bucket": "b", "tags": {}})
    assert list(difference.replaces) == ["bucket"]


def test_a_setting_needs_its_bucket(engine: Engine) -> None:
    urn = urn_of(POLICY)
    inputs = engine.checked(urn, {"bucket": "nowhere", "policy": ALLOW})
    with pytest.raises(AbortedError, match="PutBucketPolicy: NoSuchBucket"):
        engine.create(urn, inputs)


def test_a_setting_is_gone_with_its_bucket(engine: Engine) -> None:
    world, urn = World(engine), urn_of(PUBLIC_ACCESS)
    inputs = engine.checked(urn, {"bucket": world["bucket"], "blockPublicAcls": True})
    identifier, outputs = engine.create(urn, inputs)
    bucket, of_bucket = world.made["bucket"]
    engine.delete(urn_of(BUCKET), bucket, {"bucket": bucket}, of_bucket)
    assert engine.read(urn, identifier, inputs, outputs)[0] == ""
    engine.delete(urn, identifier, inputs, outputs)


def test_a_policy_in_other_words_is_no_change(engine: Engine) -> None:
    urn = urn_of(POLICY)
    old = engine.checked(urn, {"bucket": World(engine)["bucket"], "policy": ALLOW})
    spaced = {**old, "policy": ALLOW.replace(", ", " , ")}
    assert not list(engine.diff(urn, "b", old, {}, spaced).diffs)
    changed = engine.diff(urn, "b", old, {}, {**old, "policy": DENY, "bucket": "other"})
    assert list(changed.diffs) == ["bucket", "policy"]
    assert list(changed.replaces) == ["bucket"]


@pytest.mark.parametrize("token", [BUCKET, ENCRYPTION, PUBLIC_ACCESS, POLICY])
def test_import_gives_inputs_that_pass_check(engine: Engine, token: str) -> None:
    urn = urn_of(token)
    inputs = engine.checked(urn, CASES[token][0](World(engine)))
    identifier, _ = engine.create(urn, inputs)
    _, imported, _ = engine.read(urn_of(token, "imported"), identifier)
    assert engine.check(urn, imported)[1] == {}
    assert imported["bucket"] == inputs["bucket"]


def test_a_file_system_can_be_mounted(engine: Engine) -> None:
    world, urn = World(engine), urn_of(LUSTRE)
    inputs = engine.checked(urn, lustre_inputs(world))
    identifier, outputs = engine.create(urn, inputs)
    assert identifier.startswith("fs-")
    assert outputs["dnsName"] == f"{identifier}.fsx.us-east-1.amazonaws.com"
    assert outputs["arn"] == f"arn:aws:fsx:us-east-1:123456789012:file-system/{identifier}"
    assert len(outputs["mountName"]) == 8
    (interface,) = outputs["networkInterfaceIds"]
    assert interface.startswith("eni-")
    assert outputs["vpcId"] == world["vpc"]
    assert outputs["ownerId"] == "123456789012"
    other = engine.create(urn_of(LUSTRE, "other"), inputs)[1]
    assert other["mountName"] != outputs["mountName"]


def test_what_replaces_a_file_system(engine: Engine) -> None:
    urn = urn_of(LUSTRE)
    old = engine.checked(urn, lustre_inputs(World(engine)))
    for change, replaces in (
        ({"storageCapacity": 4800}, []),
        ({"storageCapacity": 1200}, ["storageCapacity"]),
        ({"fileSystemTypeVersion": "2.16"}, []),
        ({"fileSystemTypeVersion": "2.9"}, ["fileSystemTypeVersion"]),
        ({"fileSystemTypeVersion": UNKNOWN}, []),
        ({"perUnitStorageThroughput": 250}, []),
        ({"automaticBackupRetentionDays": 7}, []),
        ({"tags": {}}, []),
        ({"deploymentType": "SCRATCH_2"}, ["deploymentType"]),
        ({"storageType": "HDD"}, ["storageType"]),
        ({"subnetIds": "subnet-2"}, ["subnetIds"]),
        ({"securityGroupIds": []}, ["securityGroupIds"]),
        ({"kmsKeyId": "arn:aws:kms:us-east-1:1:key/a"}, ["kmsKeyId"]),
    ):
        difference = engine.diff(urn, "fs-1", old, {}, {**old, **change})
        assert list(difference.replaces) == replaces, change


def test_a_file_system_needs_its_subnet(engine: Engine) -> None:
    urn = urn_of(LUSTRE)
    subnet = "subnet-0123456789abcdef0"
    inputs = engine.checked(urn, {**lustre_inputs(World(engine)), "subnetIds": subnet})
    with pytest.raises(AbortedError, match=r"InvalidSubnetID\.NotFound"):
        engine.create(urn, inputs)


def test_an_association_needs_its_file_system(engine: Engine) -> None:
    urn = urn_of(ASSOCIATION)
    raw = CASES[ASSOCIATION][0](World(engine))
    inputs = engine.checked(urn, {**raw, "fileSystemId": "fs-0123456789abcdef0"})
    with pytest.raises(AbortedError, match="FileSystemNotFound"):
        engine.create(urn, inputs)
    for change in ("fileSystemId", "fileSystemPath", "dataRepositoryPath"):
        other = {**inputs, change: f"{inputs[change]}1"}
        assert list(engine.diff(urn, "dra-1", inputs, {}, other).replaces) == [change]
    events = {"s3": {"autoImportPolicy": {"events": ["DELETED", "CHANGED", "NEW"]}}}
    assert not list(engine.diff(urn, "dra-1", inputs, {}, {**inputs, **events}).diffs)
