"""Which metrics exist: the lists in `lists/`, one file a source, and DCGM's collector list."""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from catalog.metrics.metric import SCRAPES, Metric


@cache
def exported() -> Mapping[str, Metric]:
    """Every metric of every source, by name. A new source is one more file in `lists/`."""
    found: dict[str, Metric] = {}
    for listed in lists():
        for metric in _metrics(listed):
            if metric.name in found:
                raise ValueError(f"{metric.name} is exported by {found[metric.name].source} too")
            found[metric.name] = metric
    return found


def lists() -> list[dict[str, Any]]:
    """One a source, which says its `source`, `version`, and the `pages` that it was read from."""
    folder = resources.files("catalog.metrics") / "lists"
    files = sorted(folder.iterdir(), key=lambda each: each.name)
    return [json.loads(file.read_text()) for file in files]


def _metrics(listed: Mapping[str, Any]) -> Iterator[Metric]:
    scrape = SCRAPES[listed["scraped_by"]]
    rows = _collected(listed) if "collected" in listed else listed["metrics"]
    for name, row in rows.items():
        yield Metric(
            name=name,
            type=row["type"],
            unit=row["unit"],
            labels=scrape.stored(frozenset(row["labels"])),
            source=listed["source"],
            edges=tuple(row.get("edges") or ()),
            condition=row.get("condition", ""),
        )


def _collected(listed: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Rows of dcgm-exporter's own file: field, Prometheus type, help that ends with the unit."""
    text = (resources.files("catalog") / listed["collected"]).read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines)]
    return {
        field: {
            "type": kind,
            "unit": _unit(description),
            "labels": [*listed["labels"], *listed["more_labels"].get(field, ())],
        }
        for field, kind, description in rows
    }


def _unit(description: str) -> str:
    if description.startswith("Ratio "):
        return "ratio"
    in_parentheses = re.search(r"\(([^()]+)\)[.]?$", description)
    return in_parentheses.group(1) if in_parentheses else ""
