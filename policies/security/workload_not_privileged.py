"""No workload owns the node that it runs on: no privileged container, no namespace of the host.

Who breaks out of one container of a GPU node has the weights and the requests of all of them.
What plays a part of the node itself (device plugins, network plugins, exporters) may need it,
and is named in `exempt`. What servers with GPUs may do beyond that is for
`llm_server_locked_down` to say.
https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from pulumi_policy import PolicyConfigSchema, ResourceValidationPolicy, Severity

from policies.choices import texts
from policies.kubernetes.workloads import Container, Pod, containers, pods
from policies.reading import child, is_true, shown
from policies.review import Config, Place, Resource, Review, of_resource

_HOST_NAMESPACES = ("hostNetwork", "hostPID", "hostIPC")
_EXEMPT = ("DaemonSet/kube-system/*",)
"""Network plugins and kube-proxy of every cluster."""


def _check(review: Review, subject: Resource, config: Config) -> None:
    exempt = texts(config, "exempt", _EXEMPT)
    for pod in pods(review, subject):
        for field in _HOST_NAMESPACES:
            with review.reading(pod.place):
                if is_true(child(pod.spec, field)) and not _is_exempt(pod, subject, exempt):
                    _refuse(review, pod.place, f"{field} true", f"leave {field} out")
    for container in containers(review, subject):
        with review.reading(container.place):
            if _is_privileged(container) and not _is_exempt(container.pod, subject, exempt):
                fix = "leave securityContext.privileged out; GPUs and EFA come by device plugins"
                _refuse(review, container.place, "securityContext.privileged true", fix)


def _refuse(review: Review, place: Place, found: str, fix: str) -> None:
    review.refuse(
        place,
        found=found,
        allowed="none, but of workloads that this policy's `exempt` names as KIND/NAMESPACE/NAME",
        fix=fix,
    )


def _is_privileged(container: Container) -> bool:
    return is_true(child(container.fields, "securityContext", "privileged"))


def _is_exempt(pod: Pod, subject: Resource, patterns: Sequence[str]) -> bool:
    """Names that Pulumi makes up begin with that of the resource."""
    name = child(pod.workload, "metadata", "name") or subject.name
    workload = f"{pod.kind}/{shown(pod.namespace or 'default')}/{shown(name)}"
    return any(fnmatchcase(workload, pattern) for pattern in patterns)


POLICY = ResourceValidationPolicy(
    name="kubernetes-workload-not-privileged",
    display_name="No workload owns its node",
    description="No container is privileged and no pod shares the node's network, processes or"
    " IPC, but what is exempt as a part of the node.",
    validate=of_resource(_check),
    severity=Severity.HIGH,
    tags=["kubernetes", "security"],
    remediation_steps="Leave out securityContext.privileged, hostNetwork, hostPID and hostIPC; or"
    " name the workload in `exempt` of this policy's configuration, with all that has to stay.",
    url="https://kubernetes.io/docs/concepts/security/pod-security-standards/",
    config_schema=PolicyConfigSchema(
        properties={
            "exempt": {
                "type": "array",
                "items": {"type": "string", "minLength": 1},
                "description": "Workloads that are parts of a node, as KIND/NAMESPACE/NAME, with *"
                " for anything. Whoever sets it names those of kube-system too.",
                "default": list(_EXEMPT),
            }
        }
    ),
)
