"""Weights from S3 or Lustre: what comes up, who may read, and that nothing replaces them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.conftest import Project
from tests.engine.test_diffs import NEVER_TOUCHED, changes
from tests.engine.test_engines import pods

FOLDER = "mistralai/Mixtral-8x7B-Instruct-v0.1/eba92302a2861cdc0098cc54bc9f17cb2c47eb61"
BUCKET = "moe-local-weights-123456789012"


def replace_weights(project: Project, **values: object) -> None:
    project.replace_section("model_weights", **values)


@pytest.fixture
def up_with_weights(project: Project, request: pytest.FixtureRequest) -> Iterator[Project]:
    """The stack up with `model_weights` of the parameter; as it was afterwards."""
    replace_weights(project, **request.param)
    try:
        up = project.up()
        assert up.returncode == 0, up.stdout + up.stderr
        yield project
    finally:
        project.restore()
        assert project.up().returncode == 0


def resources(project: Project, kind: str) -> list[dict[str, Any]]:
    return [each for each in project.state() if each["type"] == kind]


def engine(project: Project) -> dict[str, Any]:
    (pod,) = pods(project)
    assert pod["status"]["phase"] == "Running"
    spec: dict[str, Any] = pod["spec"]
    return spec


@pytest.mark.parametrize("up_with_weights", [{"kind": "s3"}], indirect=True)
def test_engines_stream_from_a_bucket_that_only_they_may_read(up_with_weights: Project) -> None:
    project = up_with_weights
    arguments = engine(project)["containers"][0]["args"]
    assert arguments[0] == f"s3://{BUCKET}/models/{FOLDER}"
    assert "--load-format=runai_streamer" in arguments
    assert not any(argument.startswith("--revision") for argument in arguments)

    (rights,) = (
        json.loads(each["inputs"]["policy"])
        for each in resources(project, "aws:iam/rolePolicy:RolePolicy")
    )
    get, listing = rights["Statement"]
    assert get["Action"] == "s3:GetObject"
    assert get["Resource"] == f"arn:aws:s3:::{BUCKET}/models/{FOLDER}/*"
    assert listing["Condition"]["StringLike"]["s3:prefix"][0] == f"models/{FOLDER}"
    (association,) = resources(project, "aws:eks/podIdentityAssociation:PodIdentityAssociation")
    assert association["inputs"]["namespace"] == "model-serving"
    assert association["inputs"]["serviceAccount"] == "mixtral-8x7b-instruct-v0-1"

    (blocked,) = resources(project, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")
    assert all(value for key, value in blocked["inputs"].items() if key.startswith("block"))

    # Another revision, another prefix, another model: never another bucket.
    project.change("model_server", revision="0" * 40)
    found = changes(project)
    assert "kubernetes:apps/v1:Deployment model-server" in found
    assert not {key.split()[0] for key in found} & NEVER_TOUCHED


@pytest.mark.parametrize("up_with_weights", [{"kind": "fsx_lustre"}], indirect=True)
def test_engines_mount_lustre_read_only(up_with_weights: Project) -> None:
    project = up_with_weights
    pod = engine(project)
    assert pod["containers"][0]["args"][0] == f"/models/{FOLDER}"
    (claim,) = project.kube.items("/api/v1/namespaces/model-serving/persistentvolumeclaims")
    assert claim["status"]["phase"] == "Bound"
    volume = next(each for each in pod["volumes"] if each["name"] == "weights")
    assert volume["persistentVolumeClaim"] == {
        "claimName": claim["metadata"]["name"],
        "readOnly": True,
    }
    (file_system,) = resources(project, "aws:fsx/lustreFileSystem:LustreFileSystem")
    (persistent,) = project.kube.items("/api/v1/persistentvolumes")
    assert persistent["spec"]["csi"]["volumeHandle"] == file_system["id"]
    assert file_system["inputs"]["kmsKeyId"]

    replace_weights(project, kind="fsx_lustre", slowest_mib_per_s=1000)
    found = changes(project)
    assert not {key.split()[0] for key in found} & {*NEVER_TOUCHED, file_system["type"]}
