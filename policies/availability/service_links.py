"""Kubernetes writes no variables of Services into a pod that serves a model.

Of each Service of the namespace it writes NAME_PORT=tcp://..., NAME_SERVICE_HOST and more
(https://kubernetes.io/docs/tutorials/services/connect-applications-service/). Servers read their
own settings from such names: beside a Service called `vllm` or `sglang` the server takes that
address for a port, and ends at its start (vllm#15613, vllm#34199; vllm/envs.py,
`get_vllm_port`; sglang's `get_open_port`). DNS has the same Services.
"""

from collections.abc import Iterator

from pulumi_policy import EnforcementLevel, ResourceValidationPolicy, Severity

from policies import remedy
from policies.kubernetes.workloads import Pod
from policies.reading import child, shown
from policies.remedy import Edit
from policies.review import Config, Resource, Review, of_resource
from policies.servers.llm_servers import llm_servers

_FIELD = "enableServiceLinks"


def _check(review: Review, subject: Resource, config: Config) -> None:
    for pod in _linked(review, subject):
        review.refuse(
            pod.place,
            found=f"{_FIELD} {shown(child(pod.spec, _FIELD))} of a pod that serves a model",
            allowed="false: a Service called vllm would set VLLM_PORT to tcp://..., which vLLM"
            " takes for its port",
            fix=f"set {_FIELD} of the pod to false",
        )


def _mend(review: Review, subject: Resource) -> Iterator[Edit]:
    for pod in _linked(review, subject):
        yield (*pod.path, "spec", _FIELD), False


def _linked(review: Review, subject: Resource) -> Iterator[Pod]:
    """Pods with an LLM server that get these variables, as they do where nothing is said."""
    pods = {container.pod.path: container.pod for container, _ in llm_servers(review, subject)}
    for pod in pods.values():
        with review.reading(pod.place):
            given = child(pod.spec, _FIELD)
            if given is not False and not (given is None and pod.partial):
                yield pod


POLICY = ResourceValidationPolicy(
    name="kubernetes-llm-server-service-links",
    display_name="Servers get no variables of Services",
    description="A pod that serves a model has enableServiceLinks false, so that no Service's name"
    " becomes a setting of its server.",
    validate=of_resource(_check),
    remediate=remedy.of_workload(_mend),
    enforcement_level=EnforcementLevel.REMEDIATE,
    severity=Severity.MEDIUM,
    tags=["kubernetes", "remediated", "vllm"],
    remediation_steps=f"Set {_FIELD} of the pod to false.",
    url="https://docs.vllm.ai/en/latest/configuration/env_vars/",
)
