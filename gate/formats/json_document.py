"""The report as one JSON document: always the same keys, for programs."""

import json
from typing import Any

from pydantic import TypeAdapter

from gate.report import Outcome, Report

_REPORT = TypeAdapter(Report)


def empty() -> dict[str, Any]:
    """The keys of a document without a report."""
    return {"outcome": None, "pack_version": None, "sections": []}


def document(report: Report) -> dict[str, Any]:
    """The fields of `gate.report`, and the outcome of the whole and of each section."""
    plain: dict[str, Any] = _REPORT.dump_python(report, mode="json")
    outcomes: list[Outcome] = [section.outcome for section in report.sections]
    sections = [
        {"outcome": outcome.value, **section}
        for outcome, section in zip(outcomes, plain["sections"], strict=True)
    ]
    return {"outcome": report.outcome.value, **plain, "sections": sections}


def render(report: Report) -> str:
    whole = {**document(report), "error": None, "problems": []}
    return json.dumps(whole, indent=2, allow_nan=False) + "\n"
