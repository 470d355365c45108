"""A plan in words and as one document of plain values."""

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from catalog import prices
from catalog.memory_fit import MemoryFit, what_would_fit
from planner.admission import reasons
from planner.deployment import Deployment
from planner.hints import hints
from planner.percentiles import Percentiles
from planner.plan import Plan, PlanRequest, Verdict
from planner.price import Price
from planner.simulated import Saturation

ASSUMED = "ASSUMED"
"""Is in every title of a plan whose step time was not measured."""

SATURATED = {
    Saturation.NONE: "nothing is waited for",
    Saturation.KV_CACHE: "KV cache: requests wait for free blocks",
    Saturation.MAX_NUM_SEQS: "max_num_seqs: requests wait for a place in the batch",
    Saturation.COMPUTE: "compute: requests and tokens wait for steps full of prompts",
    Saturation.ADMISSION_LIMIT: "the admission limits: requests are rejected before they wait",
}
EMPTY: dict[str, Any] = {
    "verdict": None,
    "assumed": None,
    "engine": None,
    "traffic": None,
    "target": None,
    "throughput": None,
    "fit": None,
    "replicas": None,
    "nodes": None,
    "headroom": None,
    "saturates_first": None,
    "misses": [],
    "why_not": [],
    "simulated": None,
    "admission": None,
    "cost": None,
    "hints": [],
}
"""The document of a plan that could not be made."""


def title(plan: Plan) -> str:
    where = engine(plan.request.deployment)
    return f"Plan, step time {ASSUMED}: {where}" if plan.assumed else f"Plan: {where}"


def engine(deployment: Deployment) -> str:
    return f"{deployment.model.name} on {deployment.instance_type.name}, {deployment.layout}"


def traffic(request: PlanRequest) -> str:
    burst = (
        f", bursts of {request.burst_s:g} s at {request.burst_factor:g} x"
        if request.burst_factor > 1
        else ", no bursts"
    )
    return (
        f"{request.requests_per_s:g} requests/s{burst}; prompts {request.prompt.mean:g} tokens"
        f" (p99 {request.prompt.p99:g}), outputs {request.output.mean:g}"
        f" (p99 {request.output.p99:g})"
    )


def target(request: PlanRequest) -> str:
    wanted = request.target
    return (
        f"target p99: first token {wanted.ttft_p99_s:g} s, between tokens"
        f" {wanted.itl_p99_s * 1000:g} ms"
    )


def verdict(plan: Plan) -> str:
    """One sentence."""
    short = plan.fit.needed_gib - plan.fit.budget_gib
    match plan.verdict:
        case Verdict.DOES_NOT_FIT:
            return f"does not fit: {short:.1f} GiB a GPU are missing"
        case Verdict.MEETS:
            return f"meets the target with {_engines(plan)}"
        case Verdict.CANNOT_TELL:
            return (
                f"cannot tell: about {plan.bursts:.1f} bursts of {plan.request.burst_s:g} s were"
                f" simulated; ask for --requests {plan.requests_for_bursts} or more"
            )
        case Verdict.MISSES if plan.replicas is None:
            return f"no number of engines meets the target: {'; '.join(plan.why_not)}"
        case Verdict.MISSES:
            found = "; ".join([*(str(miss) for miss in plan.misses), *plan.why_not])
            return f"misses the target with {_engines(plan)}: {found}"


def rows(plan: Plan) -> list[tuple[str, str]]:
    """(what, value) of a table."""
    request = plan.request
    return [
        ("verdict", verdict(plan)),
        ("step time", step_time(plan)),
        ("traffic", traffic(request)),
        ("GPU memory", _memory(plan.fit)),
        *_what_would_fit(plan),
        *_load(plan),
        *_latencies(plan),
        *_cost_rows(plan),
        *_admission_rows(plan),
        *(("note", hint) for hint in hints(plan)),
    ]


def step_time(plan: Plan) -> str:
    throughput = plan.request.throughput
    mark = f"{ASSUMED}, " if plan.assumed else ""
    checked = "" if throughput.error is None else f", error {throughput.error:.1%}"
    return f"{mark}{throughput.source}{checked}"


def money(price: Price | None) -> str:
    if price is None:
        return "-"
    if price.usd_per_hour is None or price.usd_per_month is None:
        return price.note
    month = price.usd_per_month
    return f"USD {price.usd_per_hour:,.2f} an hour, {month:,.0f} a month ({price.note})"


def document(plan: Plan) -> dict[str, Any]:
    """Always the keys of EMPTY; seconds, GiB and dollars, None where there is no figure."""
    request, fit, found = plan.request, plan.fit, plan.simulated
    return {
        **EMPTY,
        "verdict": plan.verdict.value,
        "assumed": plan.assumed,
        "engine": _engine_document(request.deployment),
        "traffic": {
            "requests_per_s": request.requests_per_s,
            "burst_factor": request.burst_factor,
            "burst_s": request.burst_s,
            "prompt": asdict(request.prompt),
            "output": asdict(request.output),
        },
        "target": asdict(request.target),
        "throughput": asdict(request.throughput),
        "fit": {
            "fits": fit.fits,
            "budget_gib": round(fit.budget_gib, 2),
            "weights_gib": round(fit.weights_gib, 2),
            "overhead_gib": round(fit.overhead_gib, 2),
            "kv_cache_gib": round(fit.kv_cache_gib, 2),
            "needed_gib": round(fit.needed_gib, 2),
            "spare_gib": round(fit.budget_gib - fit.needed_gib, 2),
            "kv_tokens": fit.kv_tokens,
            "sequences": round(fit.sequences, 1),
            "would_fit": [] if fit.fits else fixes(plan),
        },
        "replicas": plan.replicas,
        "nodes": plan.nodes,
        "headroom": _number(plan.headroom),
        "saturates_first": None if plan.saturates_first is None else plan.saturates_first.value,
        "misses": [asdict(miss) for miss in plan.misses],
        "why_not": list(plan.why_not),
        "simulated": None if found is None else _simulated_document(plan),
        "admission": None if plan.admission is None else asdict(plan.admission),
        "cost": _cost_document(plan),
        "hints": hints(plan),
    }


def _engines(plan: Plan) -> str:
    nodes = plan.nodes or 0
    return (
        f"{plan.replicas} engine{'' if plan.replicas == 1 else 's'} on {nodes}"
        f" node{'' if nodes == 1 else 's'} of {plan.request.deployment.instance_type.name}"
    )


def _memory(fit: MemoryFit) -> str:
    spare = fit.budget_gib - fit.needed_gib
    cache = f" + {fit.kv_cache_gib:.1f} KV cache =" if fit.kv_cache_gib > 0 else " of"
    return (
        f"{fit.weights_gib:.1f} weights + {fit.overhead_gib:.1f} activations and graphs{cache}"
        f" {fit.budget_gib:.1f} GiB a GPU; {abs(spare):.1f} GiB"
        f" {'more' if spare >= 0 else 'less'} than {fit.min_sequences} sequences of"
        f" {fit.max_model_len} tokens need"
    )


def _what_would_fit(plan: Plan) -> Iterator[tuple[str, str]]:
    if not plan.fit.fits:
        yield "what would fit", "; or ".join(fixes(plan)) or "nothing in the catalogue"


def fixes(plan: Plan) -> list[str]:
    return what_would_fit(plan.fit, plan.request.deployment.gpu_memory_utilization)


def _load(plan: Plan) -> Iterator[tuple[str, str]]:
    if plan.capacity is None or plan.simulated is None:
        return
    if plan.headroom is not None and plan.largest_requests_per_s is not None:
        carried = f"{plan.largest_requests_per_s:.3g} requests/s within the target"
        yield "headroom", f"{plan.headroom:.2f} x the traffic: {carried}"
    first, beyond = plan.saturates_first, plan.capacity.beyond
    if first is not None and beyond is not None:
        missed = ", ".join(str(miss) for miss in plan.request.target.misses(beyond))
        yield "saturates first", f"{SATURATED[first]} ({missed})"


def _latencies(plan: Plan) -> Iterator[tuple[str, str]]:
    found, target = plan.simulated, plan.request.target
    if found is None:
        return
    if plan.replicas is None:
        alone = plan.capacity is not None and plan.capacity.requests_per_s == 0
        how = "that is hardly used" if alone else "at the most that it carries"
        yield "simulated", f"one engine {how}"
    yield "TTFT", f"{_seconds(found.ttft_s)}; target p99 {target.ttft_p99_s:g} s"
    yield "ITL", f"{_milliseconds(found.itl_s)}; target p99 {target.itl_p99_s * 1000:g} ms"
    yield "end to end", _seconds(found.e2e_s)
    most = f"target {target.rejected_share * 100:g}% at the most"
    yield "rejected", f"{found.rejected_share:.2%} of requests; {most}"
    yield (
        "KV cache in use",
        f"mean {found.kv_usage_mean:.0%}, p99 {found.kv_usage_p99:.0%};"
        f" {found.batch_mean:.1f} sequences decode in one engine, {found.queue_mean:.2f} wait",
    )


def _cost_rows(plan: Plan) -> Iterator[tuple[str, str]]:
    if plan.price is None:
        return
    yield "GPU nodes cost", money(plan.price)
    each = plan.usd_per_million_output_tokens
    if each is not None:
        yield "output tokens cost", f"USD {each:,.2f} a million at this traffic"


def _admission_rows(plan: Plan) -> Iterator[tuple[str, str]]:
    request = plan.request
    if plan.admission is None:
        return
    for reason in reasons(plan.admission, request.deployment, request.target.ttft_p99_s):
        yield "admission", reason


def _seconds(found: Percentiles) -> str:
    return _percentiles(found, 1, "s", 2)


def _milliseconds(found: Percentiles) -> str:
    return _percentiles(found, 1000, "ms", 1)


def _percentiles(found: Percentiles, factor: float, unit: str, places: int) -> str:
    p50, p95, p99, half = (
        each * factor for each in (found.p50, found.p95, found.p99, found.p99_half_width)
    )
    error = f" +- {half:.{places}f}" if math.isfinite(half) else ""
    return f"p50 {p50:.{places}f}, p95 {p95:.{places}f}, p99 {p99:.{places}f}{error} {unit}"


def _engine_document(deployment: Deployment) -> dict[str, Any]:
    return {
        "model": deployment.model.name,
        "instance_type": deployment.instance_type.name,
        "layout": asdict(deployment.layout),
        "gpus": deployment.layout.gpus,
        "engines_per_node": deployment.engines_per_node,
        "max_model_len": deployment.max_model_len,
        "gpu_memory_utilization": deployment.gpu_memory_utilization,
        "max_num_seqs": deployment.max_num_seqs,
        "max_num_batched_tokens": deployment.max_num_batched_tokens,
        "pod": asdict(deployment.pod),
    }


def _simulated_document(plan: Plan) -> dict[str, Any]:
    found = plan.simulated
    if found is None:
        return {}
    return {
        "requests": found.requests,
        "seed": plan.request.seed,
        **{
            name: {key: _number(value) for key, value in asdict(figures).items()}
            for name, figures in (
                ("ttft_s", found.ttft_s),
                ("itl_s", found.itl_s),
                ("e2e_s", found.e2e_s),
            )
        },
        "rejected_share": found.rejected_share,
        "preemptions": found.preemptions,
        "kv_usage_mean": _number(found.kv_usage_mean),
        "kv_usage_p99": _number(found.kv_usage_p99),
        "batch_mean": _number(found.batch_mean),
        "queue_mean": _number(found.queue_mean),
        "output_tokens_per_s": _number(plan.output_tokens_per_s),
    }


def _cost_document(plan: Plan) -> dict[str, Any] | None:
    if plan.price is None:
        return None
    return {
        "as_of": prices.AS_OF.isoformat(),
        "currency": prices.CURRENCY,
        "source": prices.SOURCE,
        "gpu_nodes_usd_per_hour": _number(plan.price.usd_per_hour, 2),
        "gpu_nodes_usd_per_month": _number(plan.price.usd_per_month, 2),
        "usd_per_million_output_tokens": _number(plan.usd_per_million_output_tokens, 3),
        "note": plan.price.note,
    }


def _number(value: float | None, places: int = 5) -> float | None:
    """JSON knows neither NaN nor infinity."""
    return None if value is None or not math.isfinite(value) else round(value, places)
