"""Service levels that users feel, and alerts on how fast their error budget burns.

Two service levels of each model, over 30 days: first tokens come in time, and requests do not
fail. The alerts are those of the Google SRE workbook ("Alerting on SLOs", multiwindow,
multi-burn-rate): a page when 2 % of the budget went in an hour or 5 % in six, a ticket when 10 %
went in one day or in three. The short window beside each long one ends the alert soon after
the trouble has ended.
"""

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from catalog.alerts.rule import Alert, Recording, RuleGroup
from catalog.alerts.vllm_buckets import FirstTokenEdge
from catalog.section import Section

_MODEL = "namespace, model_name"
_OF_MODEL = "to {{ $labels.model_name }} in {{ $labels.namespace }}"
_WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")

_PAGE = ((14.4, "1h", "5m"), (6, "6h", "30m"))
_TICKET = ((3, "1d", "2h"), (1, "3d", "6h"))
"""Multiples of the rate that spends the budget in exactly 30 days; long window, short window."""


def _reachable(objective: float) -> float:
    """A share of bad requests never exceeds 1, so a page may not ask for as much."""
    fastest = _PAGE[0][0]
    if fastest * (1 - objective) >= 1:
        raise ValueError(
            f"{objective:g} is not allowed; allowed: above {1 - 1 / fastest:.4f} and below 1: a"
            f" page asks for {fastest:g} times the {1 - objective:.3g} of requests that may be bad,"
            " which is all of them or more, so it could never fire"
        )
    return objective


_Objective = Annotated[float, Field(gt=0, lt=1), AfterValidator(_reachable)]


class SloThresholds(Section):
    """Service levels over 30 days; alerts fire when their error budget burns too fast."""

    ttft_s: FirstTokenEdge = 2.5
    """Time in which a first token should come; an edge of vLLM's histogram."""
    ttft_objective_ratio: _Objective = 0.95
    """Share of first tokens that come in that time."""
    availability_objective_ratio: _Objective = 0.999
    """Share of requests that neither end with an error nor are refused."""
    page_min_requests_per_h: Annotated[int, Field(ge=1)] = 100
    """Requests in the last hour below which nobody is woken up."""


@dataclass(frozen=True, slots=True)
class _Level:
    """One service level: rates of bad requests and of all, with `WINDOW` in place of the window."""

    alert: str
    record: str
    bad: str
    every: str
    budget: float
    page_min_requests_per_h: int
    bad_ones: str
    were_bad: str

    def recordings(self) -> tuple[Recording, ...]:
        # No series, rather than a division by zero, where there was no request.
        return tuple(
            Recording(
                self._ratio(window),
                f"{self.bad}\n/ ({self.every} > 0)".replace("WINDOW", window),
            )
            for window in _WINDOWS
        )

    def alerts(self) -> tuple[Alert, Alert]:
        per_hour = self.every.replace("WINDOW", "1h")
        return (
            Alert(
                name=f"{self.alert}BurnsFast",
                expression=(
                    f"({self._burning(_PAGE)})\n"
                    f"and {per_hour} * 3600 >= {self.page_min_requests_per_h}"
                ),
                for_="2m",
                severity="critical",
                summary=f"{self.bad_ones} spend the error budget of 30 days in a few.",
                description=self._description("the last hour or six"),
            ),
            Alert(
                name=f"{self.alert}BurnsSlowly",
                expression=self._burning(_TICKET),
                for_="15m",
                severity="warning",
                summary=f"{self.bad_ones} spend the error budget before its 30 days are over.",
                description=self._description("the last one or three days"),
            ),
        )

    def _ratio(self, window: str) -> str:
        return f"model:{self.record}:ratio_rate{window}"

    def _burning(self, burns: tuple[tuple[float, str, str], ...]) -> str:
        return "\nor ".join(
            f"({self._ratio(long)} > {factor * self.budget:.6g}"
            f" and {self._ratio(short)} > {factor * self.budget:.6g})"
            for factor, long, short in burns
        )

    def _description(self, windows: str) -> str:
        return (
            f"{{{{ $value | humanizePercentage }}}} {self.were_bad} in {windows};"
            f" {100 * self.budget:.4g}% may."
        )


def group(thresholds: SloThresholds) -> RuleGroup:
    levels = (_first_token(thresholds), _availability(thresholds))
    recordings = [rule for level in levels for rule in level.recordings()]
    alerts = [rule for level in levels for rule in level.alerts()]
    return RuleGroup("slo.rules", (*recordings, *alerts))


def _first_token(thresholds: SloThresholds) -> _Level:
    histogram = "vllm:time_to_first_token_seconds"
    total = f"sum by ({_MODEL}) (rate({histogram}_count[WINDOW]))"
    in_time = f"sum by ({_MODEL}) (rate({histogram}_bucket{{{_le(thresholds.ttft_s)}}}[WINDOW]))"
    return _Level(
        alert="FirstTokenSLO",
        record="vllm_late_first_tokens",
        bad=f"({total} - {in_time})",
        every=total,
        budget=1 - thresholds.ttft_objective_ratio,
        page_min_requests_per_h=thresholds.page_min_requests_per_h,
        bad_ones="Late first tokens",
        were_bad=f"of the requests {_OF_MODEL} had no token within {thresholds.ttft_s:g} s",
    )


def _availability(thresholds: SloThresholds) -> _Level:
    """Of what vLLM answers: requests to an engine that is gone are counted nowhere."""
    ended, refused = "vllm:request_success_total", "vllm:admission_rejections_total"
    # They differ in labels, so `or` keeps the series of both; without a refusal it has none.
    return _Level(
        alert="AvailabilitySLO",
        record="vllm_failed_requests",
        bad=(
            f'sum by ({_MODEL}) (rate({ended}{{finished_reason="error"}}[WINDOW])'
            f" or rate({refused}[WINDOW]))"
        ),
        every=f"sum by ({_MODEL}) (rate({ended}[WINDOW]) or rate({refused}[WINDOW]))",
        budget=1 - thresholds.availability_objective_ratio,
        page_min_requests_per_h=thresholds.page_min_requests_per_h,
        bad_ones="Failed requests",
        were_bad=f"of the requests {_OF_MODEL} failed or were refused",
    )


def _le(edge_s: float) -> str:
    """Matches the bucket as prometheus_client writes it (`1.0`) and as Go does (`1`)."""
    text = f"{edge_s:g}"
    return f'le="{text}"' if "." in text else f'le=~"{text}([.]0)?"'
