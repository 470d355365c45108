"""Weights in a bucket of ours or of the stack's own."""

from typing import Any

import pytest

from catalog import memory_fit
from preflight import weights
from preflight.finding import Verdict
from preflight.plan import Plan
from tests.preflight.conftest import plan, row_of

OWN = "moe-local-weights-123456789012"
REVISION = "eba92302a2861cdc0098cc54bc9f17cb2c47eb61"
FOLDER = f"models/mistralai/Mixtral-8x7B-Instruct-v0.1/{REVISION}/"


@pytest.fixture(autouse=True)
def small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model of a thousand bytes: moto keeps what is uploaded in memory."""
    monkeypatch.setattr(memory_fit, "weights_gib", lambda model: 1000 / 1024**3)


def _plan(bucket: str | None = None, replicas: int = 1, kind: str = "s3") -> Plan:
    """Of settings that were read before the model was small."""
    return plan(
        model_weights={"kind": kind, **({"bucket": bucket} if bucket else {})},
        model_server={"replicas": replicas},
    )


def _upload(s3: Any, *names: str, bucket: str = OWN, size: int = 1000) -> None:
    for name in names:
        s3.put_object(Bucket=bucket, Key=f"{FOLDER}{name}", Body=b"x" * size)


@pytest.mark.parametrize("kind", ["s3", "fsx_lustre"])
def test_weights_that_are_there(s3: Any, kind: str) -> None:
    s3.create_bucket(Bucket=OWN)
    _upload(s3, "config.json", "model-00001-of-00001.safetensors")
    found = row_of(weights.CHECK, _plan(kind=kind))
    assert found.verdict is Verdict.OK
    assert found.found == f"0.0 GiB in s3://{OWN}/{FOLDER}"


def test_a_bucket_that_does_not_exist() -> None:
    found = row_of(weights.CHECK, _plan("no-such-bucket"))
    assert found.verdict is Verdict.FAIL
    assert found.found == "no bucket no-such-bucket"


def test_the_own_bucket_is_not_there_yet_and_engines_would_start() -> None:
    found = row_of(weights.CHECK, _plan())
    assert found.verdict is Verdict.WARN
    assert "replicas to 0 for the first `pulumi up`" in found.advice


def test_the_own_bucket_is_not_there_yet_and_no_engine_starts() -> None:
    found = row_of(weights.CHECK, _plan(replicas=0))
    assert found.verdict is Verdict.OK
    assert found.found.endswith(f"fill s3://{OWN}/{FOLDER}")


def test_a_bucket_of_another_region(s3: Any) -> None:
    s3.create_bucket(
        Bucket="weights-in-europe",
        CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
    )
    found = row_of(weights.CHECK, _plan("weights-in-europe"))
    assert found.verdict is Verdict.FAIL
    assert found.found == "weights-in-europe is in eu-west-1, the nodes in us-east-1"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ((), "no config.json and no .safetensors in"),
        (("config.json",), "no .safetensors in"),
        (("model.safetensors",), "no config.json in"),
    ],
)
def test_files_that_are_missing(s3: Any, files: tuple[str, ...], says: str) -> None:
    s3.create_bucket(Bucket=OWN)
    _upload(s3, *files)
    found = row_of(weights.CHECK, _plan())
    assert found.verdict is Verdict.FAIL
    assert says in found.found
    assert f"{OWN}/{FOLDER}" in found.advice
    assert row_of(weights.CHECK, _plan(replicas=0)).verdict is Verdict.WARN


def test_an_upload_that_stopped(s3: Any) -> None:
    s3.create_bucket(Bucket=OWN)
    _upload(s3, "config.json", "model-00001-of-00002.safetensors", size=500)
    found = row_of(weights.CHECK, _plan())
    assert found.verdict is Verdict.WARN
    assert "upload that stopped" in found.advice
