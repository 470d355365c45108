"""Runs a policy on properties as the engine hands them over.

They come as a protobuf Struct (every number a float), are deserialized, and are
wrapped in proxies that raise on unknowns; plain dicts would hide all three.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from google.protobuf import json_format, struct_pb2
from hypothesis import HealthCheck, settings
from pulumi_policy import (
    PolicyCustomTimeouts,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.deserialize import deserialize_properties
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from policies.kubernetes.workloads import POD_SPECS
from policies.review import CouldNotCheckError

UNKNOWN = UNKNOWN_STRING_VALUE
DIGEST = "sha256:" + "3" * 64
IMAGE = f"vllm/vllm-openai@{DIGEST}"
MIXTRAL = "mistralai/Mixtral-8x7B-Instruct-v0.1"
MIXTRAL_LARGE = "mistralai/Mixtral-8x22B-Instruct-v0.1"
GPU = "nvidia.com/gpu"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
TYPES = {
    "CronJob": "kubernetes:batch/v1:CronJob",
    "DaemonSet": "kubernetes:apps/v1:DaemonSet",
    "Deployment": DEPLOYMENT,
    "Job": "kubernetes:batch/v1:Job",
    "LeaderWorkerSet": "kubernetes:leaderworkerset.x-k8s.io/v1:LeaderWorkerSet",
    "Pod": "kubernetes:core/v1:Pod",
    "PodTemplate": "kubernetes:core/v1:PodTemplate",
    "ReplicaSet": "kubernetes:apps/v1:ReplicaSet",
    "ReplicationController": "kubernetes:core/v1:ReplicationController",
    "StatefulSet": "kubernetes:apps/v1:StatefulSet",
}
LABELS = {"app.kubernetes.io/name": "vllm", "app.kubernetes.io/managed-by": "pulumi"}
"""Of a workload, not of its pods."""

# A loaded machine is slow, not wrong.
FUZZ = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@dataclass
class Said:
    """What a policy said: refusals, and what it could not check."""

    refusals: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        return not self.refusals and not self.unchecked

    def only(self) -> str:
        """The one refusal that there is."""
        assert not self.unchecked, self.unchecked
        (refusal,) = self.refusals
        return refusal

    def report(self, message: str, urn: str | None = None) -> None:
        assert isinstance(message, str)
        assert "policy itself failed" not in message, message
        self.refusals.append(message)


def proxied(props: Mapping[str, Any]) -> Any:
    struct = struct_pb2.Struct()
    struct.update(dict(props))
    return unknown_checking_proxy(deserialize_properties(json_format.MessageToDict(struct)))


def options() -> PolicyResourceOptions:
    return PolicyResourceOptions(False, [], None, [], PolicyCustomTimeouts(0, 0, 0), [])


def urn(resource_type: str, name: str) -> str:
    return f"urn:pulumi:test::moe-serving::{resource_type}::{name}"


def check(
    policy: ResourceValidationPolicy,
    props: Mapping[str, Any],
    *,
    resource_type: str = DEPLOYMENT,
    name: str = "model-server",
    config: Mapping[str, Any] | None = None,
) -> Said:
    said = Said()
    args = ResourceValidationArgs(
        resource_type,
        proxied(props),
        urn(resource_type, name),
        name,
        options(),
        None,
        proxied(config) if config else None,
    )
    try:
        policy.validate(args, said.report)
    except CouldNotCheckError as error:
        said.unchecked += map(str, error.unchecked)
    return said


def mend(
    policy: ResourceValidationPolicy,
    props: Mapping[str, Any],
    *,
    resource_type: str = DEPLOYMENT,
    name: str = "model-server",
) -> dict[str, Any] | None:
    """What the policy's remedy makes of the resource; None where it leaves it alone."""
    given = plain(props)
    args = ResourceValidationArgs(
        resource_type, given, urn(resource_type, name), name, options(), None
    )
    mended: Any = policy.remediate(args)
    assert given == plain(props), "the remedy wrote into what it was given"
    return cast("dict[str, Any] | None", mended)


def plain(props: Mapping[str, Any]) -> dict[str, Any]:
    """As the engine sends them: numbers are floats, unknowns and secrets are marked."""
    struct = struct_pb2.Struct()
    json_format.ParseDict(dict(props), struct)
    return cast("dict[str, Any]", json_format.MessageToDict(struct))


def resource(
    resource_type: str,
    name: str,
    props: Mapping[str, Any],
    property_dependencies: Mapping[str, Sequence[PolicyResource]] | None = None,
) -> PolicyResource:
    dependencies = {k: list(v) for k, v in (property_dependencies or {}).items()}
    return PolicyResource(
        resource_type,
        proxied(props),
        urn(resource_type, name),
        name,
        options(),
        None,
        None,
        [d for found in dependencies.values() for d in found],
        dependencies,
    )


def check_stack(
    policy: StackValidationPolicy,
    resources: Sequence[PolicyResource],
    config: Mapping[str, Any] | None = None,
) -> Said:
    said = Said()
    args = StackValidationArgs(list(resources), proxied(config) if config else None)
    try:
        policy.validate(args, said.report)
    except CouldNotCheckError as error:
        said.unchecked += map(str, error.unchecked)
    return said


def server(
    *flags: Any,
    model: Any = MIXTRAL,
    gpus: Any = "8",
    memory: Any = "640Gi",
    requests: Mapping[str, Any] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """A container as components/model_server.py declares it, with these flags."""
    limits = {GPU: gpus, "memory": memory, "cpu": "64"}
    return {
        "name": "vllm",
        "image": IMAGE,
        "args": [model, *(flags or ("--tensor-parallel-size=8", "--max-model-len=32768"))],
        "resources": {"limits": limits, "requests": limits if requests is None else requests},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],
        **fields,
    }


def pod(*containers: Any, **fields: Any) -> dict[str, Any]:
    return {
        "containers": list(containers),
        "enableServiceLinks": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 2000},
        "volumes": [{"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "16Gi"}}],
        **fields,
    }


def deployment(*containers: Any, **fields: Any) -> dict[str, Any]:
    return workload("Deployment", pod(*containers, **fields))


def workload(kind: str, spec: Any) -> dict[str, Any]:
    """Properties of a workload of `kind` whose (last) pod is `spec`."""
    props: dict[str, Any] = {"kind": kind, "metadata": {"name": "moe", "labels": dict(LABELS)}}
    *way, last = POD_SPECS[kind][-1]
    inner = props
    for key in way:
        inner = inner.setdefault(key, {})
    inner[last] = spec
    return props
