"""Whether users get what they were promised: latency, errors, and the error budget."""

from catalog.alerts import Thresholds
from catalog.dashboards.board import (
    GREEN,
    ORANGE,
    SKY,
    VERMILION,
    Board,
    Limit,
    Panel,
    Query,
    Row,
    Stat,
    TimeSeries,
)
from catalog.dashboards.promql import ENGINE_VARIABLES, ENGINES, quantile, quantiles, rate

_ENDED, _REFUSED = "vllm:request_success_total", "vllm:admission_rejections_total"
_FIRST_TOKENS = "vllm:time_to_first_token_seconds"
_MODEL = "namespace, model_name"
_BURN_WINDOWS = ("1h", "6h", "3d")
_BURN_LIMITS = (Limit(1, SKY), Limit(6, ORANGE), Limit(14.4, VERMILION))
"""From these burn rates on the alerts of group slo.rules fire."""


def board(thresholds: Thresholds) -> Board:
    return Board(
        uid="moe-serving-slo",
        title="MoE serving: service levels",
        description="Latency, errors and error budgets of each model. Look here first.",
        variables=ENGINE_VARIABLES,
        rows=(
            Row("Now", _now(thresholds)),
            Row("Latency", _latency(thresholds)),
            Row("Errors", _errors(thresholds)),
            Row("How fast the error budgets burn", _burn_rates(thresholds)),
        ),
    )


def _now(thresholds: Thresholds) -> tuple[Panel, ...]:
    slo, vllm = thresholds.slo, thresholds.vllm
    return (
        Stat(
            title="Requests",
            description="Requests that end in a second, good and bad, over all engines.",
            unit="reqps",
            queries=(Query(f"sum({rate(_ENDED)})"),),
            decimals=1,
        ),
        Stat(
            title="Generated tokens",
            description="Tokens that all engines generate in a second: what the GPUs are paid for.",
            unit="suffix: tok/s",
            queries=(Query(f"sum({rate('vllm:generation_tokens_total')})"),),
            decimals=0,
        ),
        Stat(
            title="First token, p99",
            description=(
                "One request in a hundred waits this long or longer for its first token, in the"
                f" slowest model. Orange from {vllm.ttft_p99_s:g} s on, where an alert warns."
            ),
            unit="s",
            queries=(Query(f"max({quantile(0.99, 'time_to_first_token_seconds')})"),),
            limits=(Limit(vllm.ttft_p99_s, ORANGE),),
            alerts=("ModelServerSlowFirstToken",),
            decimals=2,
        ),
        Stat(
            title="Errors",
            description=(
                "Share of requests that end with an error, in the worst model. Orange from"
                f" {vllm.error_ratio:.0%} on, where an alert warns."
            ),
            unit="percentunit",
            queries=(Query(f"max({_error_ratio()})"),),
            limits=(Limit(vllm.error_ratio, ORANGE),),
            alerts=("ModelServerRequestErrors",),
            decimals=1,
        ),
        _budget_left(
            "First-token budget left",
            f"first tokens within {slo.ttft_s:g} s",
            slo.ttft_objective_ratio,
            # Either way in which an exporter may write the edge.
            good=_increase(f"{_FIRST_TOKENS}_bucket", f'le=~"{slo.ttft_s:g}([.]0)?"'),
            every=_increase(f"{_FIRST_TOKENS}_count"),
            alert="FirstTokenSLOBurnsFast",
        ),
        _budget_left(
            "Availability budget left",
            "requests without an error or a refusal",
            slo.availability_objective_ratio,
            good=_increase(_ENDED, 'finished_reason!="error"'),
            every=f"sum by ({_MODEL}) (increase({_ENDED}{{{ENGINES}}}[30d])"
            f" or increase({_REFUSED}{{{ENGINES}}}[30d]))",
            alert="AvailabilitySLOBurnsFast",
        ),
    )


def _budget_left(
    title: str, what: str, objective: float, *, good: str, every: str, alert: str
) -> Stat:
    return Stat(
        title=title,
        description=(
            f"{objective:g} of all {what} is the objective over 30 days; the rest is the error"
            " budget, and this is what is left of it, in the worst model. Below 0 the objective is"
            " missed. It knows the days that Prometheus keeps: with 15 of them it is what a month"
            " like these leaves."
        ),
        unit="percentunit",
        queries=(Query(f"min(1 - (1 - {good} / {every}) / {1 - objective:.6g})"),),
        base_colour=VERMILION,
        limits=(Limit(0, ORANGE), Limit(0.25, GREEN)),
        alerts=(alert, alert.replace("Fast", "Slowly")),
        minimum=None,
        decimals=0,
    )


def _increase(counter: str, *matchers: str) -> str:
    return f"sum by ({_MODEL}) (increase({counter}{{{','.join((ENGINES, *matchers))}}}[30d]))"


def _latency(thresholds: Thresholds) -> tuple[Panel, ...]:
    vllm = thresholds.vllm
    return (
        TimeSeries(
            title="Time to first token",
            description=(
                "From a request's arrival to its first token: the queue, then the prompt. Only p99"
                " rises: a few long prompts or a short burst. All rise: more requests than the"
                " engines can take. The line is where an alert warns."
            ),
            unit="s",
            queries=quantiles("time_to_first_token_seconds"),
            limits=(Limit(vllm.ttft_p99_s),),
            alerts=("ModelServerSlowFirstToken",),
        ),
        TimeSeries(
            title="Time between tokens",
            description=(
                "From one token of an answer to the next, once it has begun: grows with the batch,"
                " and when long prompts are computed in between. The line is where an alert warns."
            ),
            unit="s",
            queries=quantiles("inter_token_latency_seconds"),
            limits=(Limit(vllm.inter_token_p99_s),),
            alerts=("ModelServerSlowTokens",),
        ),
        TimeSeries(
            title="Where the time of a request goes",
            description=(
                "Mean seconds of a request in the queue, on its prompt (prefill) and on its answer"
                " (decode). A wide queue asks for engines; wide prefill for shorter prompts or"
                " prefix caching; wide decode is mostly long answers."
            ),
            unit="s",
            queries=tuple(
                Query(
                    f"sum by (model_name) ({rate(f'vllm:request_{part}_time_seconds_sum')})"
                    f" / sum by (model_name) ({rate(f'vllm:request_{part}_time_seconds_count')})",
                    f"{part} {{{{model_name}}}}",
                )
                for part in ("decode", "prefill", "queue")
            ),
            stacked=True,
        ),
        TimeSeries(
            title="Whole request",
            description="From a request's arrival to its last token; long answers are slow ones.",
            unit="s",
            queries=quantiles("e2e_request_latency_seconds"),
        ),
    )


def _errors(thresholds: Thresholds) -> tuple[Panel, ...]:
    return (
        TimeSeries(
            title="How requests end",
            description=(
                "stop: the model said so; length: cut at max_tokens or at the context; error: the"
                " engine failed; repetition: ended by the engine as a loop. Requests that a client"
                " gave up are hardly counted by vLLM."
            ),
            unit="reqps",
            queries=(
                Query(f"sum by (finished_reason) ({rate(_ENDED)})", "{{finished_reason}}"),
                Query(f"sum by (reason) ({rate(_REFUSED)})", "refused: {{reason}}"),
            ),
            stacked=True,
        ),
        TimeSeries(
            title="Errors",
            description=(
                "Share of requests that end with an error. The line is where an alert warns."
            ),
            unit="percentunit",
            queries=(Query(_error_ratio(), "{{model_name}}"),),
            limits=(Limit(thresholds.vllm.error_ratio),),
            alerts=("ModelServerRequestErrors",),
        ),
    )


def _error_ratio() -> str:
    failed = rate(_ENDED, 'finished_reason="error"')
    return f"sum by (model_name) ({failed}) / sum by (model_name) ({rate(_ENDED)})"


def _burn_rates(thresholds: Thresholds) -> tuple[Panel, ...]:
    slo = thresholds.slo
    return tuple(
        TimeSeries(
            title=f"Burn rate: {what}",
            description=(
                "How many times faster than allowed the error budget goes, over one hour, six and"
                " three days; at 1 it lasts exactly 30 days. The lines are where alerts fire: 14.4"
                " over an hour and 6 over six wake somebody up, 1 over three days is a ticket."
            ),
            unit="suffix: x",
            queries=tuple(
                Query(
                    f"model:{record}:ratio_rate{window}{{{ENGINES}}} / {1 - objective:.6g}",
                    f"{window} {{{{model_name}}}}",
                )
                for window in _BURN_WINDOWS
            ),
            limits=_BURN_LIMITS,
            alerts=(f"{alert}BurnsFast", f"{alert}BurnsSlowly"),
        )
        for what, record, objective, alert in (
            (
                f"first tokens within {slo.ttft_s:g} s",
                "vllm_late_first_tokens",
                slo.ttft_objective_ratio,
                "FirstTokenSLO",
            ),
            (
                "requests without an error",
                "vllm_failed_requests",
                slo.availability_objective_ratio,
                "AvailabilitySLO",
            ),
        )
    )
