"""Writes into each runbook page the alert itself, as it is deployed with default thresholds.

`python -m catalog.alerts.runbooks` replaces what stands between two markers below a page's title,
leaves the rest as somebody wrote it, and writes the index. With `--check` it writes nothing, names
what is out of date and ends with 1.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from catalog.alerts import Alert, Recording, RuleGroup, Served, Thresholds, rule_groups

FOLDER = Path(__file__).parents[2] / "docs" / "runbooks"
INDEX = "README.md"

EXAMPLE = Served(
    namespace="model-serving",
    model_name="mixtral-8x7b-instruct-v0-1",
    experts=8,
    gpus_per_node=8,
    startup_s=1800,
    engines=2,
    queue_is_limited=True,
    spans_nodes=True,
    expert_metrics=True,
)
"""With everything that brings alerts: a page exists for each that any stack may have."""

_COMMAND = "python -m catalog.alerts.runbooks"
_BEGIN = f"<!-- written by {_COMMAND} -->"
_END = "<!-- up to here -->"


class MissingPageError(Exception):
    """Alerts have no page, or one that does not start with their name."""


def written(folder: Path = FOLDER) -> dict[Path, str]:
    """What every page and the index should hold; raises MissingPageError."""
    groups = rule_groups(EXAMPLE, Thresholds())
    alerts = {
        folder / f"{alert.page}.md": (alert, group) for group in groups for alert in group.alerts
    }
    missing = [
        f"{path}: missing, or does not start with {_title(alert)!r}; write it with What it means,"
        " Look and Do"
        for path, (alert, _) in alerts.items()
        if not _text(path).startswith(_title(alert))
    ]
    if missing:
        raise MissingPageError("\n".join(missing))
    pages = {path: _page(_text(path), alert, group) for path, (alert, group) in alerts.items()}
    return {folder / INDEX: _index(groups), **pages}


def out_of_date(folder: Path = FOLDER) -> list[Path]:
    return [path for path, text in written(folder).items() if _text(path) != text]


def write(folder: Path = FOLDER) -> None:
    for path, text in written(folder).items():
        # Whoever is interrupted has the old page or the new one.
        draft = path.with_suffix(".draft")
        draft.write_text(text, newline="")
        draft.replace(path)


def _title(alert: Alert) -> str:
    return f"# {alert.name}\n"


def _page(text: str, alert: Alert, group: RuleGroup) -> str:
    title = _title(alert)
    block = f"{_BEGIN}\n{_block(alert, group)}{_END}\n"
    rest = text.removeprefix(title)
    begin, end = rest.find(_BEGIN), rest.find(f"{_END}\n")
    if 0 <= begin < end:
        return title + rest[:begin] + block + rest[end + len(_END) + 1 :]
    return f"{title}\n{block}{rest}"


def _block(alert: Alert, group: RuleGroup) -> str:
    parts = [
        f"{alert.summary} Severity {alert.severity}, after {alert.for_}, group `{group.name}`;"
        " as deployed with default thresholds:\n",
        _promql(alert.expression),
    ]
    recordings = list(_read_by(alert.expression, group))
    if recordings:
        rules = "\n\n".join(f"# {rule.name}\n{rule.expression}" for rule in recordings)
        parts.append(f"It reads what these rules record:\n\n{_promql(rules)}")
    return "\n".join(parts)


def _read_by(expression: str, group: RuleGroup) -> Iterator[Recording]:
    """The group's recordings that the expression names."""
    names = set(re.findall(r"[\w:]+", expression))
    for rule in group.rules:
        if isinstance(rule, Recording) and rule.name in names:
            yield rule


def _promql(expression: str) -> str:
    return f"```promql\n{expression}\n```\n"


def _index(groups: list[RuleGroup]) -> str:
    parts = [
        "# Runbooks\n",
        f"One page an alert; written by `{_COMMAND}`. Which of them a stack has depends on what it"
        " serves.\n",
    ]
    for group in groups:
        rows = "".join(
            f"| [{alert.name}]({alert.page}.md) | {alert.severity} | {alert.summary} |\n"
            for alert in group.alerts
        )
        parts.append(f"## {group.name}\n\n| alert | severity | what |\n|---|---|---|\n{rows}")
    return "\n".join(parts)


def _text(path: Path) -> str:
    """As it is, line endings included; nothing where no page is."""
    return path.read_bytes().decode() if path.exists() else ""


def main(arguments: list[str]) -> int:
    try:
        if arguments == ["--check"]:
            late = out_of_date()
            for path in late:
                sys.stderr.write(f"{path}: out of date; run {_COMMAND}\n")
            return 1 if late else 0
        write()
    except MissingPageError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
