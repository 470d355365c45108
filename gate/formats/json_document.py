"""The report as one JSON document, for programs.

Always the same keys; docs/reference/check.schema.json describes them.
"""

import json
from typing import Any

from pydantic import TypeAdapter

from gate.report import Report

REPORT = TypeAdapter(Report)


def empty() -> dict[str, Any]:
    """The keys of a report that could not be made."""
    return {"outcome": None, "sections": [], "pack_version": None}


def render(report: Report) -> str:
    plain: dict[str, Any] = REPORT.dump_python(report, mode="json")
    for section, given in zip(plain["sections"], report.sections, strict=True):
        section["outcome"] = given.outcome.value
    whole = {**plain, "outcome": report.outcome.value, "error": None, "problems": []}
    return json.dumps(whole, indent=2, allow_nan=False) + "\n"
