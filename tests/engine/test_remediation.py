"""The engine mends what the pack knows how to, shows it, and creates what was mended."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.engine.conftest import Project
from tests.policies.engine_input import DIGEST

BY_HAND = f"""
_LABELS = {{"app": "by-hand"}}
_AMOUNTS = {{"nvidia.com/gpu": "2", "memory": "64Gi", "cpu": "8"}}
kubernetes.policy.v1.PodDisruptionBudget(
    "by-hand",
    metadata={{"name": "by-hand", "namespace": "default"}},
    spec={{"max_unavailable": 1, "selector": {{"match_labels": _LABELS}}}},
    opts=in_cluster(model_server),
)
kubernetes.apps.v1.Deployment(
    "by-hand",
    metadata={{
        "name": "by-hand",
        "namespace": "default",
        # Whether it starts is not the question.
        "annotations": {{"pulumi.com/skipAwait": "true"}},
    }},
    spec={{
        "selector": {{"match_labels": _LABELS}},
        "strategy": {{"type": "Recreate"}},
        "template": {{
            "metadata": {{"labels": _LABELS}},
            "spec": {{
                "termination_grace_period_seconds": 60,
                "security_context": {{"run_as_non_root": True, "run_as_user": 2000}},
                "tolerations": [{{"key": "nvidia.com/gpu", "operator": "Exists"}}],
                "containers": [
                    {{
                        "name": "vllm",
                        "image": "vllm/vllm-openai@{DIGEST}",
                        "args": ["tiny/moe", "-tp=2", "--shutdown-timeout=20"],
                        "env": [{{"name": "BUCKET", "value": pulumi.Output.secret("hidden")}}],
                        "security_context": {{"allow_privilege_escalation": False}},
                        "lifecycle": {{"pre_stop": {{"sleep": {{"seconds": 15}}}}}},
                        "startup_probe": {{
                            "http_get": {{"path": "/health", "port": 8000}},
                            "period_seconds": 10,
                            "failure_threshold": 180,
                        }},
                        "resources": {{"limits": _AMOUNTS, "requests": _AMOUNTS}},
                    }}
                ],
            }},
        }},
    }},
    opts=in_cluster(model_server),
)
"""

MENDED = (
    "kubernetes-llm-server-service-links",
    "kubernetes-llm-server-shared-memory",
    "kubernetes-workload-recommended-labels",
)


@pytest.fixture
def by_hand(project: Project) -> Iterator[Project]:
    """The running stack whose program has a server without all that; taken down afterwards."""
    project.append_to_program(BY_HAND)
    yield project
    project.restore()
    down = project.up()
    assert down.returncode == 0, down.stdout + down.stderr


def test_what_can_be_mended_is_shown_and_then_created_so(by_hand: Project) -> None:
    shown = by_hand.preview("--show-policy-remediations")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    mended = re.findall(r"\[remediate\] +(\S+) +\(kubernetes:\S+ (\S+)\)", shown.stdout)
    # Nothing that the stack itself declares is among them.
    assert sorted(mended) == [(name, "by-hand") for name in MENDED]

    up = by_hand.up()
    assert up.returncode == 0, up.stdout + up.stderr
    deployments = by_hand.kube.items("/apis/apps/v1/namespaces/default/deployments")
    (deployment,) = (each for each in deployments if each["metadata"]["name"] == "by-hand")
    labels = deployment["metadata"]["labels"]
    assert labels["app.kubernetes.io/name"] == "by-hand"
    assert labels["app.kubernetes.io/managed-by"] == "pulumi"
    pod = deployment["spec"]["template"]["spec"]
    assert pod["enableServiceLinks"] is False
    (volume,) = pod["volumes"]
    assert volume["emptyDir"] == {"medium": "Memory", "sizeLimit": "16Gi"}
    (container,) = pod["containers"]
    assert container["volumeMounts"] == [{"name": volume["name"], "mountPath": "/dev/shm"}]
    # The provider makes the list of containers a secret for this one value in it.
    assert container["env"] == [{"name": "BUCKET", "value": "hidden"}]
    (state,) = (
        each
        for each in by_hand.state()
        if each.get("id") == "default/by-hand" and each["type"] == "kubernetes:apps/v1:Deployment"
    )
    assert "hidden" not in json.dumps(state)

    again = by_hand.up("--expect-no-changes")
    assert again.returncode == 0, again.stdout + again.stderr


def test_memory_that_is_too_little_for_what_was_mended_is_refused(project: Project) -> None:
    text = BY_HAND.replace("tiny/moe", "mistralai/Mixtral-8x7B-Instruct-v0.1")
    text = text.replace('"64Gi"', '"100Gi"')
    project.append_to_program(text)
    result = project.preview()
    assert result.returncode != 0
    assert "found memory limit 100Gi" in result.stdout, result.stdout + result.stderr
    assert "16 GiB of memory volumes" in result.stdout
