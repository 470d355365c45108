"""Whether the weights are in the bucket, where engines read them from there."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from catalog import memory_fit, models
from catalog.instance_types import GIB
from preflight.check import Check
from preflight.clients import Clients
from preflight.finding import Finding, fail, ok, warn
from preflight.plan import Plan
from stacks.settings.model_weights import InstanceStoreWeights

TITLE = "weights"
_NOT_FOUND = ("404", "NoSuchBucket")
_UPLOADED = 0.98
"""Share of the computed size from which an upload counts as whole."""


def _look(plan: Plan, aws: Clients) -> Iterator[Finding]:
    weights = plan.settings.model_weights
    if isinstance(weights, InstanceStoreWeights):
        return
    bucket = weights.bucket_name(plan.weights_name, plan.settings.aws.account_id)
    folder = f"s3://{bucket}/{weights.prefix}/{plan.settings.model_server.weights_folder}/"
    try:
        answer = aws.s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOT_FOUND:
            raise
        yield _no_bucket(plan, bucket, folder, is_own=weights.bucket is None)
        return
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    region = answer.get("BucketRegion") or headers.get("x-amz-bucket-region", plan.region)
    if region != plan.region:
        yield fail(
            TITLE,
            f"{bucket} is in {region}, the nodes in {plan.region}",
            f"copy the weights to a bucket in {plan.region}, and set model_weights.bucket to it",
        )
        return
    yield _files(plan, aws, folder)


def _no_bucket(plan: Plan, bucket: str, folder: str, *, is_own: bool) -> Finding:
    if not is_own:
        return fail(
            TITLE, f"no bucket {bucket}", "correct model_weights.bucket, or leave it out for an own"
        )
    if plan.settings.model_server.replicas == 0:
        return ok(TITLE, f"not created yet; after the first `pulumi up` fill {folder}")
    return warn(
        TITLE,
        f"{bucket} is not created yet, and engines that find no weights start again and again",
        f"set model_server.replicas to 0 for the first `pulumi up`, then fill {folder}",
    )


def _files(plan: Plan, aws: Clients, folder: str) -> Finding:
    bucket, _, prefix = folder.removeprefix("s3://").partition("/")
    pages = aws.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    sizes = {
        item["Key"].removeprefix(prefix): item["Size"]
        for page in pages
        for item in page.get("Contents", [])
    }
    in_gib = sum(size for name, size in sizes.items() if name.endswith(".safetensors")) / GIB
    missing = [
        what
        for what, there in (
            ("config.json", "config.json" in sizes),
            (".safetensors", any(name.endswith(".safetensors") for name in sizes)),
        )
        if not there
    ]
    upload = f"fill it: `aws s3 sync <folder with the model> {folder}`"
    if missing:
        found = f"no {' and no '.join(missing)} in {folder}"
        if plan.settings.model_server.replicas == 0:
            return warn(TITLE, found, f"{upload}; then set model_server.replicas")
        return fail(TITLE, found, upload)
    model = models.model(plan.settings.model_server.model)
    whole_gib = memory_fit.weights_gib(model)
    if in_gib < _UPLOADED * whole_gib:
        return warn(
            TITLE,
            f"{in_gib:.1f} GiB in {folder}, {model.name} has {whole_gib:.1f}",
            f"an upload that stopped? {upload}",
        )
    return ok(TITLE, f"{in_gib:.1f} GiB in {folder}")


CHECK = Check(TITLE, ("s3:ListBucket",), _look)
