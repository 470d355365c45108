from typing import Any

import pytest
from hypothesis import given

from policies.images_and_secrets.image_pinned import POLICY as PINNED
from policies.kubernetes.workload_known import POLICY
from tests.policies.engine_input import DEPLOYMENT, FUZZ, UNKNOWN, check, deployment
from tests.policies.test_review import maps

ROLLOUT = "kubernetes:argoproj.io/v1alpha1:Rollout"
LIKE_DEPLOYMENTS = [
    ROLLOUT,
    "kubernetes:apps.kruise.io/v1alpha1:CloneSet",
    "kubernetes:serving.knative.dev/v1:Service",
]
CONTAINER = {"name": "main", "image": "vllm/vllm-openai:latest"}
POD = {"containers": [CONTAINER]}
OTHERS: list[tuple[str, dict[str, Any], str]] = [
    (
        "kubernetes:serving.kserve.io/v1beta1:InferenceService",
        {"spec": {"predictor": POD}},
        "spec.predictor.containers",
    ),
    (
        "kubernetes:ray.io/v1:RayCluster",
        {"spec": {"workerGroupSpecs": [{"template": {"spec": POD}}]}},
        "spec.workerGroupSpecs.0.template.spec.containers",
    ),
    (
        # Not the Job of batch/v1, although of its name.
        "kubernetes:batch.volcano.sh/v1alpha1:Job",
        {"spec": {"tasks": [{"template": {"spec": POD}}]}},
        "spec.tasks.0.template.spec.containers",
    ),
]


@pytest.mark.parametrize("resource_type", LIKE_DEPLOYMENTS)
def test_any_kind_of_a_deployments_shape_is_read(resource_type: str) -> None:
    props = deployment(CONTAINER)
    said = check(PINNED, props, resource_type=resource_type).only()
    assert 'container "main": found image vllm/vllm-openai:latest' in said
    assert check(POLICY, props, resource_type=resource_type).nothing


@pytest.mark.parametrize(("resource_type", "props", "where"), OTHERS)
def test_pods_elsewhere_do_not_pass_in_silence(
    resource_type: str, props: dict[str, Any], where: str
) -> None:
    said = check(POLICY, props, resource_type=resource_type)
    assert not said.refusals
    (unchecked,) = said.unchecked
    assert f"the pods of {where}," in unchecked


def test_pods_beside_those_that_are_read() -> None:
    props = deployment(CONTAINER)
    props["spec"]["canary"] = POD
    (unchecked,) = check(POLICY, props, resource_type=ROLLOUT).unchecked
    assert "the pods of spec.canary.containers," in unchecked


@pytest.mark.parametrize(
    ("resource_type", "props"),
    [
        (
            "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition",
            {"spec": {"default": POD, "properties": {"containers": {"items": [CONTAINER]}}}},
        ),
        ("kubernetes:core/v1:ConfigMap", {"data": {"pod.yaml": "containers: [{image: a}]"}}),
        ("kubernetes:helm.sh/v3:Release", {"values": {"containers": [CONTAINER]}}),
        ("kubernetes:example.com/v1:Schema", {"spec": {"containers": {"image": "text"}}}),
        ("kubernetes:example.com/v1:Usage", {"containers": [{"name": "a"}, "image"]}),
        ("kubernetes:example.com/v1:Settings", {"data": {"pod": "containers: [{image: a}]"}}),
        ("kubernetes:example.com/v1:Settings", {"spec": {"url": UNKNOWN}}),
        ("aws:s3/bucket:Bucket", {"containers": [CONTAINER]}),
        (DEPLOYMENT, deployment(CONTAINER)),
    ],
)
def test_what_makes_no_pods_is_left_alone(resource_type: str, props: dict[str, Any]) -> None:
    assert check(POLICY, props, resource_type=resource_type).nothing
    if resource_type != DEPLOYMENT:
        assert check(PINNED, props, resource_type=resource_type).nothing


@pytest.mark.parametrize(
    "props",
    [
        {"spec": UNKNOWN},
        {"spec": {"template": UNKNOWN}},
        {"spec": {"template": {"spec": {"containers": UNKNOWN}}}},
    ],
)
def test_a_template_that_is_not_known_yet_is_said_once(props: dict[str, Any]) -> None:
    assert check(PINNED, props, resource_type=ROLLOUT).nothing
    (unchecked,) = check(POLICY, props, resource_type=ROLLOUT).unchecked
    assert "can't be known" in unchecked


@FUZZ
@given(props=maps, inside=maps)
def test_no_properties_are_too_odd(props: dict[str, object], inside: dict[str, object]) -> None:
    for each in (props, {"spec": {"template": {"spec": inside}}}, {"containers": [props, inside]}):
        check(POLICY, each, resource_type=ROLLOUT)
