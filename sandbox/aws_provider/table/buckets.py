"""S3 buckets, and the settings of a bucket that are resources of their own."""

from collections.abc import Mapping
from dataclasses import replace

from sandbox.aws_provider.table.model import (
    ID,
    Adopt,
    Autoname,
    Call,
    IdOf,
    Input,
    Look,
    Path,
    Resource,
    Text,
)
from sandbox.aws_provider.table.tags import BUCKET_TAGS

BUCKET = Resource(
    pulumi_type="aws:s3/bucket:Bucket",
    client="s3",
    cfn="AWS::S3::Bucket",
    create=Call(
        "create_bucket",
        {
            "Bucket": Input("bucket"),
            "ObjectLockEnabledForBucket": Input("objectLockEnabled"),
            "CreateBucketConfiguration": {"LocationConstraint": Text("{location_constraint}")},
        },
    ),
    id=IdOf(("bucket",), ""),
    read=(
        Look("get_bucket_location", {"Bucket": ID}),
        Look("get_bucket_tagging", {"Bucket": ID}, path=("TagSet",), at="Tags", optional=True),
    ),
    delete=(Call("delete_bucket", {"Bucket": ID}),),
    computed={
        "arn": Text("arn:{partition}:s3:::{id}"),
        "bucketDomainName": Text("{id}.s3.{dns_suffix}"),
        "bucketRegionalDomainName": Text("{id}.s3.{region}.{dns_suffix}"),
        "bucketRegion": Text("{region}"),
    },
    cfn_rename={"bucket": "BucketName"},
    autoname=Autoname("bucket"),
    replace=("objectLockEnabled",),
    tags=BUCKET_TAGS,
    adopt=Adopt(("BucketAlreadyOwnedByYou",)),
)


def _setting(
    name: str,
    *,
    put: Call,
    get: str,
    path: Path,
    delete: Call,
    changes: tuple[str, ...],
    at: str | None = None,
    rename: Mapping[str, str] | None = None,
    json: tuple[str, ...] = (),
) -> Resource:
    """A setting that a bucket has once: one call writes all of it, at creation and on a change."""
    put = replace(put, params={"Bucket": Input("bucket"), **put.params}, takes_inputs=True)
    return Resource(
        pulumi_type=f"aws:s3/bucket{name}:Bucket{name}",
        client="s3",
        create=put,
        id=IdOf(("bucket",), ""),
        read=(Look(get, {"Bucket": ID}, path=path, at=at),),
        steps=(replace(put, when=changes, only_update=True),),
        delete=(replace(delete, params={"Bucket": ID, **delete.params}),),
        rename=rename or {},
        replace=("bucket", "expectedBucketOwner"),
        json=json,
    )


VERSIONING = replace(
    _setting(
        "Versioning",
        put=Call("put_bucket_versioning"),
        get="get_bucket_versioning",
        path=(),
        at="VersioningConfiguration",
        # S3 has no call that takes the setting away.
        delete=Call("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Suspended"}}),
        changes=("versioningConfiguration",),
    ),
    # What S3 says of a bucket that never had versions.
    gone_when={"VersioningConfiguration": ({},)},
)

ENCRYPTION = _setting(
    "ServerSideEncryptionConfiguration",
    put=Call("put_bucket_encryption", below="ServerSideEncryptionConfiguration"),
    get="get_bucket_encryption",
    path=("ServerSideEncryptionConfiguration",),
    delete=Call("delete_bucket_encryption"),
    changes=("rules",),
)

PUBLIC_ACCESS_BLOCK = _setting(
    "PublicAccessBlock",
    put=Call("put_public_access_block", below="PublicAccessBlockConfiguration"),
    get="get_public_access_block",
    path=("PublicAccessBlockConfiguration",),
    delete=Call("delete_public_access_block", unless="skipDestroy"),
    changes=("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"),
)

POLICY = _setting(
    "Policy",
    put=Call("put_bucket_policy"),
    get="get_bucket_policy",
    path=(),
    delete=Call("delete_bucket_policy"),
    changes=("policy",),
    json=("policy",),
)

OWNERSHIP_CONTROLS = _setting(
    "OwnershipControls",
    put=Call("put_bucket_ownership_controls", below="OwnershipControls"),
    get="get_bucket_ownership_controls",
    path=("OwnershipControls",),
    delete=Call("delete_bucket_ownership_controls"),
    changes=("rule",),
    rename={"rule": "Rules"},
)

RESOURCES = (BUCKET, VERSIONING, ENCRYPTION, PUBLIC_ACCESS_BLOCK, POLICY, OWNERSHIP_CONTROLS)
