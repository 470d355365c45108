"""The engine mends what the pack knows how to, shows it, and creates what was mended."""

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
    print(shown.stdout)
    up = by_hand.up()
    assert up.returncode == 0, up.stdout + up.stderr
    print(up.stdout)
    deployment = by_hand.kube.get("/apis/apps/v1/namespaces/default/deployments/by-hand")
    print(deployment)
    again = by_hand.up("--expect-no-changes")
    assert again.returncode == 0, again.stdout + again.stderr
    assert 0
