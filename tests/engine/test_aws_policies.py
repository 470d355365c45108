"""What is smuggled past the components is stopped at preview, and the program itself is not."""

import json

import pytest
from ruamel.yaml import YAML

from tests.engine.conftest import Project

REFUSED = "[mandatory]"
OPEN_PORT = """
aws.vpc.SecurityGroupIngressRule(
    "ssh",
    security_group_id=cluster.node_home.security_group_id,
    ip_protocol="tcp",
    from_port=22,
    to_port=22,
    cidr_ipv4="0.0.0.0/0",
    opts=in_aws(),
)
"""


def set_budget(project: Project, usd_per_hour: float) -> None:
    path = project.folder / "stacks" / "Pulumi.local.yaml"
    yaml = YAML()
    document = yaml.load(path)
    document["config"]["moe-serving:budget"] = {"usd_per_hour": usd_per_hour}
    yaml.dump(document, path)


def test_the_program_itself_is_clean(project: Project) -> None:
    set_budget(project, 50)
    result = project.preview()
    assert result.returncode == 0, result.stdout + result.stderr
    assert REFUSED not in result.stdout
    assert "could not check" not in result.stdout


def test_a_first_preview_is_clean_too(project: Project) -> None:
    project.pulumi("stack", "select", "--create", stack="prod")
    result = project.preview(stack="prod")
    assert REFUSED not in result.stdout, result.stdout + result.stderr
    assert "could not check" not in result.stdout
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("smuggled", "policy", "says"),
    [
        (
            OPEN_PORT,
            "aws-security-group-ingress-closed",
            'SecurityGroupIngressRule "ssh": found ingress of tcp 22 from 0.0.0.0/0',
        ),
        (
            """
import json
aws.iam.Policy(
    "all-of-s3",
    policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
        }
    ),
    opts=in_aws(),
)
""",
            "aws-iam-policy-narrow",
            'Policy "all-of-s3", statement 0: found Action s3:*',
        ),
        (
            """
aws.s3.BucketPublicAccessBlock(
    "open", bucket="weights", block_public_acls=True, opts=in_aws()
)
""",
            "aws-s3-bucket-private",
            'BucketPublicAccessBlock "open": found blockPublicPolicy ',
        ),
        (
            """
kubernetes.helm.v3.Release(
    "second",
    kubernetes.helm.v3.ReleaseArgs(
        chart=gpu_operator.release.chart,
        version=settings.charts.gpu_operator,
        namespace="gpu-operator",
        values={"drivr": {"enabled": False}, "toolkit": {"enabled": False}},
        atomic=True,
        timeout=900,
    ),
    opts=in_cluster(),
)
""",
            "kubernetes-helm-values-known",
            "values.drivr, which chart gpu-operator",
        ),
    ],
    ids=["an open port", "all of S3", "an open bucket", "a misspelt value"],
)
def test_the_engine_stops_what_is_smuggled(
    project: Project, smuggled: str, policy: str, says: str
) -> None:
    project.append_to_program(smuggled)
    result = project.preview()
    assert result.returncode != 0
    assert REFUSED in result.stdout, result.stdout + result.stderr
    assert policy in result.stdout
    assert says in " ".join(result.stdout.split())


def test_the_engine_stops_what_costs_more_than_the_budget(project: Project) -> None:
    set_budget(project, 44.5)
    result = project.preview()
    assert result.returncode != 0
    assert "aws-stack-within-budget" in result.stdout
    assert "found 44.82 USD an hour at max_nodes" in result.stdout
    assert "2 p4d.24xlarge" in result.stdout


def test_a_platform_team_may_choose_otherwise(project: Project) -> None:
    project.append_to_program(OPEN_PORT)
    choices = project.folder / "choices.json"
    choices.write_text(json.dumps({"aws-security-group-ingress-closed": {"publicPorts": [22]}}))
    result = project.preview("--policy-pack-config", str(choices))
    assert result.returncode == 0, result.stdout + result.stderr
