"""What the pictures tell of: a few hours in which one thing after the other goes wrong."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import accumulate

from catalog.alerts import RuleGroup, Served, Thresholds, rule_groups
from catalog.alerts.rule import Recording
from catalog.dashboards import Board, boards
from sandbox.monitoring.fleet import EXAMPLE
from sandbox.monitoring.scenes import SCENES
from sandbox.monitoring.series import Sample

STORY = (
    ("calm", 60),
    ("burst", 20),
    ("calm", 10),
    ("refusals", 10),
    ("calm", 10),
    ("kv-full", 20),
    ("calm", 20),
    ("errors", 20),
    ("calm", 30),
    ("gpu-hot", 15),
    ("gpu-errors", 20),
    ("gpu-lost", 15),
    ("efa-unused", 30),
    ("calm", 10),
    ("expert-skew", 40),
)
"""Scenes and their minutes."""

ENDS_WITH = {
    "moe-serving-slo": "errors",
    "moe-kv-cache-queue": "kv-full",
    "moe-gpus": "gpu-lost",
    "moe-efa": "efa-unused",
    "moe-experts": "expert-skew",
}
"""The scene that a dashboard's picture ends with."""

BEGAN_S = 1793592000
"""2 November 2026, 04:00 UTC; fixed, so that the pictures change only with what they show."""
STEP_S = 60
PICTURE_S = 2 * 3600

_PAST_S = 3 * 86400
_PAST_STEP_S = 1800
"""Error budgets look back for days."""

SERVED = Served(
    namespace=EXAMPLE.namespace,
    model_name=EXAMPLE.server,
    experts=EXAMPLE.experts,
    gpus_per_node=EXAMPLE.gpus_per_node,
    startup_s=1800,
    queue_is_limited=True,
    spans_nodes=True,
    expert_metrics=True,
)
"""With everything that brings dashboards."""

ALL_BOARDS: tuple[Board, ...] = tuple(boards(SERVED, Thresholds()))

_Series = tuple[str, frozenset[tuple[str, str]]]


def scene_ends_s(name: str) -> int:
    """When the (first) scene of this name ends, on the story's clock; raises ValueError."""
    place = [scene for scene, _ in STORY].index(name)
    minutes = list(accumulate(minutes for _, minutes in STORY))[place]
    return BEGAN_S + 60 * minutes


ENDS_S = BEGAN_S + 60 * sum(minutes for _, minutes in STORY)


def samples() -> Iterator[tuple[int, Sample]]:
    """All that the dashboards read, with its time; what counts goes on from scene to scene."""
    read = _names_read()
    counted: dict[_Series, float] = {}
    past = ("calm", BEGAN_S - _PAST_S, _PAST_S, _PAST_STEP_S)
    for scene, begins_s, lasts_s, step_s in (past, *_scenes()):
        for elapsed_s in (*range(0, lasts_s, step_s), lasts_s):
            for sample in SCENES[scene].samples(elapsed_s):
                if sample.name not in read:
                    continue
                series = (sample.name, frozenset(sample.labels.items()))
                if sample.cumulative:
                    sample = replace(sample, value=sample.value + counted.get(series, 0.0))
                if elapsed_s < lasts_s:
                    yield begins_s + elapsed_s, sample
                elif sample.cumulative:
                    counted[series] = sample.value


def _scenes() -> Iterator[tuple[str, int, int, int]]:
    begins_s = BEGAN_S
    for scene, minutes in STORY:
        yield scene, begins_s, 60 * minutes, STEP_S
        begins_s += 60 * minutes


def recordings() -> list[Recording]:
    """The recording rules, each in terms of what is scraped: they are computed in one go."""
    done: dict[str, str] = {}
    for rule in _recordings_of(rule_groups(SERVED, Thresholds())):
        expression = rule.expression
        for name, inner in done.items():
            expression = re.sub(rf"(?<![\w:]){name}(?![\w:])", f"({inner})", expression)
        done[rule.name] = expression
    return [Recording(name, expression) for name, expression in done.items()]


def _recordings_of(groups: Iterable[RuleGroup]) -> Iterator[Recording]:
    for group in groups:
        for rule in group.rules:
            if isinstance(rule, Recording):
                yield rule


def _names_read() -> frozenset[str]:
    expressions = [
        *(rule.expression for rule in recordings()),
        *(query.expression for board in ALL_BOARDS for p in board.panels for query in p.queries),
    ]
    return frozenset(word for each in expressions for word in re.findall(r"[a-zA-Z_:][\w:]*", each))
