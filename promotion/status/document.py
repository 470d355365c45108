"""A status as a JSON document."""

from datetime import UTC, datetime
from typing import Any

from promotion.status.report import Report, StackStatus

Document = dict[str, Any]


def empty() -> Document:
    """Of a status that could not be told."""
    return {"asked_at": None, "stacks": [], "page": None}


def document(report: Report, page: str | None) -> Document:
    """`page` is the file with the page, where one was written; times are ISO 8601 in UTC."""
    return {
        "asked_at": _time(report.asked_at),
        "stacks": [_stack(each) for each in report.stacks],
        "page": page,
    }


def _stack(status: StackStatus) -> Document:
    drift, running, failed = status.drift, status.running, status.failed
    interrupted = status.interrupted
    return {
        "stack": status.stack,
        "source": status.source,
        "standing": status.standing.value,
        "runs": status.runs.value,
        "release": status.release.id if status.release else None,
        "git_commit": status.release.git_commit if status.release else None,
        "contents": status.contents.model_dump() if status.contents else None,
        "since": _time(status.since),
        "age_hours": status.age_hours,
        "updating_since": _time(running.started) if running else None,
        "failed_update": failed
        and {
            "kind": failed.kind,
            "result": failed.result,
            "started": _time(failed.started),
            "ended": _time(failed.ended),
        },
        "drift": drift
        and {
            "verdict": drift.verdict.value,
            "evidence": drift.evidence,
            "details": list(drift.details),
        },
        "soaks": [
            {
                "target": soak.target,
                "soak_hours": soak.soak_hours,
                "left_hours": soak.left_hours,
                "ends": _time(soak.ends),
            }
            for soak in status.soaks
        ],
        "waivers": [
            {
                "lets_pass": waiver.lets_pass,
                "owner": waiver.granted.owner,
                "reason": waiver.granted.reason,
                "expires": waiver.granted.expires.isoformat(),
                "expired": waiver.expired,
            }
            for waiver in status.waivers
        ],
        "usd_per_hour": status.usd_per_hour,
        "unpriced": list(status.unpriced),
        "interrupted": interrupted.model_dump() if interrupted else None,
        "problems": list(status.problems),
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="seconds")
