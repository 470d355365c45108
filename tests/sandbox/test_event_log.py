"""What is read from the engine's event log."""

import json
from pathlib import Path

from sandbox.event_log import Violation, read_event_log

URN = "urn:pulumi:local::moe-serving::kubernetes:apps/v1:Deployment::by-hand"


def policy_event(level: str) -> dict[str, object]:
    return {
        "policyEvent": {
            "resourceUrn": URN,
            "message": "<{%fg 12%}>Names its image.\nfound x<{%reset%}>\n",
            "policyName": f"image-{level}",
            "enforcementLevel": level,
        }
    }


def log(folder: Path, *events: object) -> Path:
    path = folder / "events"
    path.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    return path


def test_violations_without_colours_and_only_mandatory_ones_refuse(tmp_path: Path) -> None:
    found = read_event_log(log(tmp_path, policy_event("mandatory"), policy_event("advisory")))
    message = "Names its image.\nfound x"
    assert found.violations == (
        Violation("image-mandatory", URN, "mandatory", message),
        Violation("image-advisory", URN, "advisory", message),
    )
    assert found.refusing == ["image-mandatory"]
    assert not found.cancelled


def test_a_cancel_that_only_the_engine_heard(tmp_path: Path) -> None:
    told = {"stdoutEvent": {"message": "^C received; cancelling. If you would like to ..."}}
    assert read_event_log(log(tmp_path, told, {"cancelEvent": {}})).cancelled


def test_no_log_is_an_empty_one(tmp_path: Path) -> None:
    found = read_event_log(tmp_path / "events")
    assert (found.violations, found.cancelled) == ((), False)
