"""Statuses to show: a usual day, and one whose every text is hostile."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from catalog.waivers import Waiver
from promotion.pulumi_stack import Update
from promotion.record import Entry
from promotion.release import Release
from promotion.status.report import (
    DriftSeen,
    DriftVerdict,
    Report,
    Runs,
    Soak,
    StackStatus,
    WaiverSeen,
)
from stacks.released import Released
from stacks.settings.promotion import GateWaiver

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
MODEL = "mistralai/Mixtral-8x7B-Instruct-v0.1"


def contents(image: str = "3", **parts: str) -> Released:
    """What a stack runs; `image` is the digit that its digest is made of."""
    return Released.model_validate(
        {
            "model": MODEL,
            "settings": {
                "model_server.image": f"sha256:{image * 64}",
                "model_server.revision": "eba92302a2861cdc0098cc54bc9f17cb2c47eb61",
                "charts.gpu_operator": "v26.7.0",
                "charts.kube_prometheus_stack": "88.5.3",
                "gpu_node_group.ami_release_version": "1.35.2-20261015",
            },
            "policy_pack": "1.4.0",
            "alert_rules": f"sha256:{'a' * 64}",
            "program": f"sha256:{'b' * 64}",
            **parts,
        }
    )


def release(image: str = "3") -> Release:
    return Release(contents=contents(image), git_commit="c0ffee" * 6 + "c0ff")


def update(ended_hours_ago: float | None, *, kind: str = "update", **changes: int) -> Update:
    """One that took a quarter of an hour, and runs still where it has not ended."""
    ended = None if ended_hours_ago is None else NOW - timedelta(hours=ended_hours_ago)
    started = (ended or NOW) - timedelta(minutes=15)
    result = "in-progress" if ended is None else "succeeded"
    return Update(1, kind, result, started, ended, "", changes or {"update": 2, "same": 40})


def waiver(expires: str, **words: str) -> Waiver:
    return Waiver.model_validate(
        {
            "policy": "kubernetes-pod-disruption-budget",
            "resource": "vllm",
            "reason": "one engine, drained by hand",
            "owner": "serving@example.com",
            "expires": date.fromisoformat(expires),
            **words,
        }
    )


def gate_waiver(expires: str, **words: str) -> GateWaiver:
    return GateWaiver.model_validate(
        {
            "gate": "alerts quiet",
            "reason": "the load test fires them",
            "owner": "sre@example.com",
            "expires": date.fromisoformat(expires),
            **words,
        }
    )


def seen(granted: Waiver | GateWaiver) -> WaiverSeen:
    lets_pass = f"{granted.policy} of {granted.resource}" if isinstance(granted, Waiver) else ""
    return WaiverSeen(
        lets_pass or f"gate {getattr(granted, 'gate', '')}",
        granted,
        granted.is_expired(NOW.date()),
    )


def begun(target: str, by: str = "Ada Example <ada@example.com>") -> Entry:
    return Entry(
        number=3,
        kind="promotion",
        stage="begun",
        at="2026-11-28T10:41:07Z",
        by=by,
        source="staging",
        target=target,
        release=release("4").id,
    )


def _runs(stack: str, image: str, hours: float, usd_per_hour: float) -> StackStatus:
    return StackStatus(
        stack,
        NOW,
        runs=Runs.RELEASE,
        release=release(image),
        contents=contents(image),
        since=NOW - timedelta(hours=hours),
        drift=DriftSeen(DriftVerdict.NONE),
        usd_per_hour=usd_per_hour,
    )


def soak(target: str, since: datetime, soak_hours: float) -> Soak:
    ends = since + timedelta(hours=soak_hours)
    return Soak(target, soak_hours, max(0.0, (ends - NOW) / timedelta(hours=1)), ends)


def usual_day() -> Report:
    """A stack of each standing that a team sees."""
    day = timedelta(days=1)
    dev = replace(
        _runs("dev", "4", 5.2, 22.81),
        soaks=(soak("staging", NOW - timedelta(hours=5.2), 24),),
        waivers=(seen(waiver("2026-12-31")),),
    )
    staging = replace(
        _runs("staging", "4", 50, 23.31),
        source="dev",
        soaks=(soak("prod", NOW - timedelta(hours=50), 48),),
    )
    prod = replace(
        _runs("prod", "3", 24 * 34 + 3, 166.02),
        source="staging",
        drift=DriftSeen(
            DriftVerdict.FOUND,
            "1 resource changed past Pulumi",
            ["Deployment vllm: spec.replicas is 6, recorded is 4"],
        ),
        waivers=(
            seen(waiver((NOW - 3 * day).date().isoformat(), resource="grafana")),
            seen(gate_waiver((NOW + 12 * day).date().isoformat())),
        ),
        unpriced=("interface endpoints, per zone",),
    )
    canary = replace(
        _runs("prod-eu", "3", 24 * 20, 0), source="staging", interrupted=begun("prod-eu")
    )
    lab = replace(
        _runs("lab", "7", 0.4, 41.5),
        runs=Runs.NO_RELEASE,
        release=None,
        running=update(None, kind="update"),
        drift=None,
    )
    asia = StackStatus(
        "prod-asia",
        NOW,
        source="prod",
        usd_per_hour=88.2,
        problems=(
            "stack prod-asia: its state cannot be read: error: failed to load checkpoint:"
            " AccessDenied: not authorized to perform s3:GetObject",
        ),
    )
    local = StackStatus("local", NOW, runs=Runs.NOTHING, usd_per_hour=22.31)
    return Report(NOW, [dev, staging, prod, asia, replace(canary, usd_per_hour=None), lab, local])


HOSTILE = "<img src=x onerror=alert(1)>\"'`&amp;{{ 7*7 }}</style><script>alert(2)</script>"


def hostile_day() -> Report:
    """Every text that comes from a file, from git or from Pulumi."""
    everything = replace(
        _runs(f"a{HOSTILE}", "4", 5, 1.5),
        release=None,
        runs=Runs.NO_RELEASE,
        contents=contents("4", model=HOSTILE, policy_pack=HOSTILE),
        source=HOSTILE,
        drift=DriftSeen(DriftVerdict.FOUND, HOSTILE, [HOSTILE]),
        soaks=(soak(HOSTILE, NOW, 3),),
        waivers=(
            seen(waiver("2026-12-31", resource=HOSTILE, reason=HOSTILE, owner=HOSTILE)),
            seen(gate_waiver("2026-01-31", reason=HOSTILE, owner=HOSTILE)),
        ),
        unpriced=(HOSTILE,),
        interrupted=begun(HOSTILE, by=HOSTILE),
        problems=(HOSTILE,),
    )
    released = replace(
        _runs(f"b{HOSTILE}", "4", 5, 1.5),
        release=Release(contents=contents("4", policy_pack=HOSTILE), git_commit="0" * 40),
        running=replace(update(None), kind=HOSTILE),
    )
    return Report(NOW, [everything, released])
