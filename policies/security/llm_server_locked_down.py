"""An LLM server, and whatever else has GPUs, runs as an ordinary user with nothing of the node.

It loads files that strangers made and answers whoever asks: what gets into it should find no
root, no way to become it, and no folder of the node, where the weights and tokens of all models
lie. These are the rules of the Pod Security Standard `restricted` that matter most. Privileged
containers and namespaces of the host are for `workload_not_privileged` to refuse.
https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Collection, Iterator
from typing import Any

from pulumi_policy import PolicyConfigSchema, ResourceValidationPolicy, Severity

from catalog.gpu_nodes import GPU_RESOURCE
from policies.choices import texts
from policies.kubernetes.workloads import Container, containers
from policies.quantities import quantity
from policies.reading import child, elements, find, known, shown
from policies.review import Config, Resource, Review, of_resource
from policies.servers.llm_servers import llm_servers

_CAPABILITIES = ("NET_BIND_SERVICE",)


def _check(review: Review, subject: Resource, config: Config) -> None:
    capabilities = texts(config, "allowedCapabilities", _CAPABILITIES)
    folders = texts(config, "allowedHostPaths")
    for container in _guarded(review, subject):
        with review.reading(container.place):
            _check_escalation(review, container)
        with review.reading(container.place):
            _check_capabilities(review, container, capabilities)
        with review.reading(container.place):
            _check_user(review, container)
        with review.reading(container.place):
            _check_volumes(review, container, folders)


def _guarded(review: Review, subject: Resource) -> Iterator[Container]:
    servers = {container.path for container, _ in llm_servers(review, subject)}
    for container in containers(review, subject):
        has_gpus = False
        with review.reading(container.place):
            has_gpus = any(
                (quantity(container.quantities(of, GPU_RESOURCE)) or 0) > 0
                for of in ("limits", "requests")
            )
        if has_gpus or container.path in servers:
            yield container


def _check_escalation(review: Review, container: Container) -> None:
    given = child(container.fields, "securityContext", "allowPrivilegeEscalation")
    if given is None and container.partial:
        return
    if given not in (False, "false"):
        review.refuse(
            container.place,
            found=f"securityContext.allowPrivilegeEscalation {shown(given)}",
            allowed="false",
            fix="set it: the server starts no program that needs more rights",
        )


def _check_capabilities(review: Review, container: Container, allowed: Collection[str]) -> None:
    for each in elements(child(container.fields, "securityContext", "capabilities", "add")):
        with review.reading(container.place):
            name = shown(known(each)).upper().removeprefix("CAP_")
            if name not in allowed:
                review.refuse(
                    container.place,
                    found=f"added capability {name}",
                    allowed=f"{', '.join(allowed)} at most",
                    fix="leave it out; or name it in `allowedCapabilities`, where a network needs"
                    " it (IPC_LOCK where the node limits locked memory)",
                )


def _check_user(review: Review, container: Container) -> None:
    """A user of the container goes before that of its pod, field by field."""
    user, non_root = _of_user(container, "runAsUser"), _of_user(container, "runAsNonRoot")
    if user is None and container.partial and non_root is None:
        return
    if quantity(user) == 0 or (quantity(user) is None and non_root not in (True, "true")):
        review.refuse(
            container.place,
            found=f"runAsUser {shown(user)} and runAsNonRoot {shown(non_root)}",
            allowed="a user other than 0, or runAsNonRoot true",
            fix="set runAsNonRoot true and the user that the image is made for (2000 of vLLM's) in"
            " securityContext of the pod",
        )


def _of_user(container: Container, field: str) -> Any:
    own = child(container.fields, "securityContext", field)
    return child(container.pod.spec, "securityContext", field) if own is None else own


def _check_volumes(review: Review, container: Container, folders: Collection[str]) -> None:
    for mount in elements(child(container.fields, "volumeMounts")):
        with review.reading(container.place):
            name = child(known(mount), "name")
            host = child(_volume(container, name), "hostPath")
            path = child(host, "path")
            if host is not None and not _is_below(path, folders):
                review.refuse(
                    container.place,
                    found=f"volume {shown(name)}, which is {shown(path)} of the node",
                    allowed=f"hostPath below {' or '.join(folders)}" if folders else "no hostPath",
                    fix="take an emptyDir or a PersistentVolumeClaim; or name the folder in"
                    " `allowedHostPaths`, where weights are kept on the node's own disks",
                )


def _volume(container: Container, name: Any) -> Any:
    return find(child(container.pod.spec, "volumes"), lambda each: child(each, "name") == name)


def _is_below(path: Any, folders: Collection[str]) -> bool:
    here = f"{path}/" if isinstance(path, str) else ""
    return any(here.startswith(f"{folder.rstrip('/')}/") for folder in folders)


POLICY = ResourceValidationPolicy(
    name="kubernetes-llm-server-locked-down",
    display_name="Servers with GPUs run as an ordinary user",
    description="A container that serves a model or has GPUs is not root, cannot become it, adds no"
    " capability and mounts nothing of its node.",
    validate=of_resource(_check),
    severity=Severity.HIGH,
    tags=["gpu", "kubernetes", "security"],
    remediation_steps="Set runAsNonRoot true and a user, allowPrivilegeEscalation false; leave out"
    " added capabilities and hostPath volumes.",
    url="https://kubernetes.io/docs/concepts/security/pod-security-standards/",
    config_schema=PolicyConfigSchema(
        properties={
            "allowedCapabilities": {
                "type": "array",
                "items": {"type": "string", "minLength": 1},
                "description": "Capabilities that may be added, without CAP_.",
                "default": list(_CAPABILITIES),
            },
            "allowedHostPaths": {
                "type": "array",
                "items": {"type": "string", "pattern": "^/"},
                "description": "Folders of the node that may be mounted, with all that is below.",
                "default": [],
            },
        }
    ),
)
