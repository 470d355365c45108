"""How each service writes, changes and shows tags."""

from dataclasses import replace

from sandbox.aws_provider.table.model import (
    ID,
    Call,
    Given,
    Live,
    TagKeys,
    Tags,
    TagStyle,
    Template,
)


def ec2_tags(kind: str, resource: Template = ID) -> TagStyle:
    """EC2: `TagSpecifications` at creation, then by the resource's own id."""
    return TagStyle(
        create={"TagSpecifications": [Given("tagsAll", {"ResourceType": kind, "Tags": Tags()})]},
        add=Call("create_tags", {"Resources": [resource], "Tags": Tags()}),
        remove=Call("delete_tags", {"Resources": [resource], "Tags": TagKeys(pairs=True)}),
    )


def late_ec2_tags() -> TagStyle:
    """EC2 as above, but by a call of its own after the creation."""
    return replace(ec2_tags(""), create={})


def iam_tags(owner: str, tagged: str) -> TagStyle:
    """IAM: a call of its own for each kind of thing; `owner` is the parameter that names it."""
    return TagStyle(
        create={"Tags": Tags()},
        add=Call(f"tag_{tagged}", {owner: ID, "Tags": Tags()}),
        remove=Call(f"untag_{tagged}", {owner: ID, "TagKeys": TagKeys()}),
    )


KMS_TAGS = TagStyle(
    create={"Tags": Tags()},
    add=Call("tag_resource", {"KeyId": ID, "Tags": Tags()}),
    remove=Call("untag_resource", {"KeyId": ID, "TagKeys": TagKeys()}),
    key="TagKey",
    value="TagValue",
)


def map_tags(arn: str) -> TagStyle:
    """EKS and Logs: a plain map, changed by the ARN, which is the live member `arn`."""
    return TagStyle(
        create={"tags": Tags()},
        add=Call("tag_resource", {"resourceArn": Live(arn), "tags": Tags()}),
        remove=Call("untag_resource", {"resourceArn": Live(arn), "tagKeys": TagKeys()}),
        key=None,
        read_from="tags",
    )


FSX_TAGS = TagStyle(
    create={"Tags": Tags()},
    add=Call("tag_resource", {"ResourceARN": Live("ResourceARN"), "Tags": Tags()}),
    remove=Call("untag_resource", {"ResourceARN": Live("ResourceARN"), "TagKeys": TagKeys()}),
)

BUCKET_TAGS = TagStyle(
    create={},
    add=Call("put_bucket_tagging", {"Bucket": ID, "Tagging": {"TagSet": Tags()}}),
    remove=Call("delete_bucket_tagging", {"Bucket": ID}),
    whole=True,
)
