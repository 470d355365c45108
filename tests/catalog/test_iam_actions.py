import pytest

from catalog import iam_actions


def test_the_committed_list_is_that_of_the_reference() -> None:
    assert iam_actions._LIST.read_text() == iam_actions.text()


@pytest.mark.parametrize("action", ["*", "*:*", "s3:*", "S3:**", "ec2:?*", " iam:* "])
def test_all_of_a_service(action: str) -> None:
    assert iam_actions.is_all_of_a_service(action)


@pytest.mark.parametrize("action", ["s3:Get*", "s3:*Object", "s3:GetObject"])
def test_a_part_of_a_service(action: str) -> None:
    assert not iam_actions.is_all_of_a_service(action)


@pytest.mark.parametrize("action", ["ec2:DescribeVpcs", "s3:get*", "ecr:BatchGetImage", "s3:List*"])
def test_reading(action: str) -> None:
    assert iam_actions.reads_only(action)


@pytest.mark.parametrize("action", ["ec2:D*", "s3:PutObject", "*", "kms:Decrypt", "s3:*Get", ""])
def test_more_than_reading(action: str) -> None:
    assert not iam_actions.reads_only(action)


@pytest.mark.parametrize(
    "action",
    ["kms:CreateKey", "KMS:createkey", "cloudwatch:PutMetricData", "ec2messages:SendReply"],
)
def test_what_no_resource_limits(action: str) -> None:
    assert iam_actions.has_no_resource(action)


@pytest.mark.parametrize(
    "action", ["iam:PassRole", "s3:PutObject", "kms:Create*", "none:Such", "*"]
)
def test_what_a_resource_limits(action: str) -> None:
    assert not iam_actions.has_no_resource(action)
