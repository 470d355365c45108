"""A liveness probe leaves an LLM server alone until its model is loaded.

A server that is killed while it loads starts again with the same download, for ever.
Until the startup probe has succeeded the liveness probe does not run: its failures
together are the time that loading may take (kserve#5062, kubeai#172).
"""

from decimal import Decimal
from typing import Any

from pulumi_policy import PolicyConfigSchema, ResourceValidationPolicy, Severity

from catalog.startup import LEAST_S
from policies.kubernetes.workloads import Container
from policies.quantities import quantity
from policies.reading import child, shown
from policies.review import Config, Resource, Review, UnreadableError, of_resource
from policies.servers.llm_servers import llm_servers


def _check(review: Review, subject: Resource, config: Config) -> None:
    needed = int(config.get("minSeconds", LEAST_S))
    for container, _ in llm_servers(review, subject):
        with review.reading(container.place):
            if child(container.fields, "livenessProbe") is not None:
                _check_probe(review, container, needed)


def _check_probe(review: Review, container: Container, needed: int) -> None:
    probe = child(container.fields, "startupProbe")
    if probe is None:
        if not container.partial:
            review.refuse(
                container.place,
                found="a liveness probe without a startup probe",
                allowed=f"a startup probe of {needed} seconds or more",
                fix=f"add one with failureThreshold x periodSeconds of at least {needed}",
            )
        return
    threshold = _number(probe, "failureThreshold", 3)
    period = _number(probe, "periodSeconds", 10)
    seconds = threshold * period + _number(probe, "initialDelaySeconds", 0)
    if seconds < needed:
        review.refuse(
            container.place,
            found=f"a startup probe of {shown(float(seconds))} seconds",
            allowed=f"{needed} seconds or more",
            fix=f"set failureThreshold to {-(-needed // int(max(period, Decimal(1))))} or more",
        )


def _number(probe: Any, field: str, default: int) -> Decimal:
    value = child(probe, field)
    if (number := quantity(default if value is None else value)) is None:
        raise UnreadableError(f"startupProbe.{field} {shown(value)} is no number")
    return number


POLICY = ResourceValidationPolicy(
    name="kubernetes-llm-server-startup-budget",
    display_name="Loading a model is no reason to be killed",
    description="An LLM server with a liveness probe has a startup probe that lasts as long as"
    " loading its model may take.",
    validate=of_resource(_check),
    severity=Severity.HIGH,
    tags=["kubernetes", "probes", "vllm"],
    remediation_steps="Give the server a startupProbe whose failureThreshold x periodSeconds is at"
    f" least {LEAST_S}.",
    url="https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/",
    config_schema=PolicyConfigSchema(
        properties={
            "minSeconds": {
                "type": "integer",
                "description": "Least time, in seconds, that a startup probe gives a server.",
                "minimum": 0,
                "default": LEAST_S,
            }
        }
    ),
)
