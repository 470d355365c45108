"""A liveness probe leaves an LLM server alone until its model is loaded.

A server that is killed while it loads starts again with the same download, for ever.
Until the startup probe has succeeded the liveness probe does not run: its failures
together are the time that loading may take (kserve#5062, kubeai#172). How long that is follows
from the size of the weights, and how fast they can be read at the least: by the policy's
configuration, by the stack's own settings, or by where the server says that they are.
"""

from decimal import Decimal
from typing import Any

from pulumi_policy import PolicyConfigSchema, ResourceValidationPolicy, Severity

from catalog.startup import (
    FILE_SYSTEM_MIB_PER_S,
    HUB_MIB_PER_S,
    LEAST_S,
    S3_MIB_PER_S,
    loading_s,
)
from policies import stack_config
from policies.kubernetes.workloads import Container
from policies.quantities import quantity
from policies.reading import child, shown
from policies.review import Config, Resource, Review, UnreadableError, of_resource
from policies.servers.llm_servers import llm_servers
from policies.servers.server_flags import ServerFlags


def _check(review: Review, subject: Resource, config: Config) -> None:
    least = int(config.get("minSeconds", LEAST_S))
    for container, flags in llm_servers(review, subject):
        with review.reading(container.place):
            if child(container.fields, "livenessProbe") is not None:
                needed, why = _needed(review, container, flags, config, least)
                _check_probe(review, container, needed, why)


def _needed(
    review: Review, container: Container, flags: ServerFlags, config: Config, least: int
) -> tuple[int, str]:
    """Seconds, and what they follow from where that is the size of the model."""
    with review.reading(container.place):
        model = flags.model()
        if model is not None:
            slowest = _slowest_mib_per_s(flags.location() or "", config)
            seconds = loading_s(model, slowest_mib_per_s=slowest)
            if seconds > least:
                return seconds, f", for the weights of {model.name} at {slowest} MiB/s"
    return least, ""


def _slowest_mib_per_s(location: str, config: Config) -> int:
    settings = stack_config.section("model_weights")
    for given in (config.get("slowestMibPerSecond"), child(settings, "slowest_mib_per_s")):
        if (number := quantity(given)) is not None and number >= 1:
            return int(number)
    if location.startswith(("/", ".")):
        return FILE_SYSTEM_MIB_PER_S
    return S3_MIB_PER_S if "://" in location else HUB_MIB_PER_S


def _check_probe(review: Review, container: Container, needed: int, why: str) -> None:
    probe = child(container.fields, "startupProbe")
    if probe is None:
        if not container.partial:
            review.refuse(
                container.place,
                found="a liveness probe without a startup probe",
                allowed=f"a startup probe of {needed} seconds or more{why}",
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
            allowed=f"{needed} seconds or more{why}",
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
    tags=["kubernetes", "probes", "sglang", "tensorrt-llm", "tgi", "triton", "vllm"],
    remediation_steps="Give the server a startupProbe whose failureThreshold x periodSeconds is at"
    f" least {LEAST_S}, and what reading its weights takes.",
    url="https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/",
    config_schema=PolicyConfigSchema(
        properties={
            "minSeconds": {
                "type": "integer",
                "description": "Least time, in seconds, that a startup probe gives a server.",
                "minimum": 0,
                "default": LEAST_S,
            },
            "slowestMibPerSecond": {
                "type": "integer",
                "description": "Slowest read of weights, in MiB/s, that a start must survive;"
                " without it the stack's model_weights.slowest_mib_per_s, or what is usual where"
                " the weights are.",
                "minimum": 1,
            },
        }
    ),
)
