"""Requests for plans: small enough for a test, and a few plans that several tests look at."""

from functools import cache
from typing import Any

from catalog.instance_types import P4D
from catalog.models import model
from catalog.parallel_layout import ParallelLayout
from planner.deployment import Deployment
from planner.lengths import Lengths
from planner.measurement import Throughput, assumed
from planner.plan import Plan, PlanRequest, plan
from planner.step_time import StepTime
from planner.target import Target

MIXTRAL = "mistralai/Mixtral-8x7B-Instruct-v0.1"
LARGE_MIXTRAL = "mistralai/Mixtral-8x22B-Instruct-v0.1"
STEP_TIME = StepTime(base_s=0.012, per_sequence_s=0.0001, per_prefill_token_s=1 / 20_000)
MEASURED = Throughput(STEP_TIME, "fit of results/a.json", assumed=False, error=0.03)
ASSUMED = assumed(STEP_TIME, "12 ms a step")


def deployment(**changes: Any) -> Deployment:
    values: dict[str, Any] = {
        "model": model(MIXTRAL),
        "instance_type": P4D,
        "layout": ParallelLayout(8),
        "max_model_len": 8192,
    }
    return Deployment(**{**values, **changes})


def request(**changes: Any) -> PlanRequest:
    values: dict[str, Any] = {
        "deployment": deployment(),
        "requests_per_s": 20.0,
        "prompt": Lengths(600, 2000, 8191),
        "output": Lengths(150, 500, 8192),
        "target": Target(ttft_p99_s=1.0, itl_p99_s=0.15),
        "throughput": MEASURED,
        "region": "us-east-1",
        "requests": 3000,
    }
    return PlanRequest(**{**values, **changes})


@cache
def met_plan(*, measured: bool = False) -> Plan:
    return plan(request(throughput=MEASURED if measured else ASSUMED))


@cache
def bursty_plan() -> Plan:
    return plan(request(throughput=ASSUMED, burst_factor=3.0, burst_s=20.0, requests=12_000))


@cache
def too_large_plan() -> Plan:
    return plan(
        request(
            throughput=ASSUMED,
            deployment=deployment(model=model(LARGE_MIXTRAL), max_model_len=32768),
        )
    )


@cache
def missed_plan() -> Plan:
    """Of one engine where several are needed."""
    return plan(request(throughput=ASSUMED, replicas=1, requests_per_s=40.0))
