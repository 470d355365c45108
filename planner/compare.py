"""The same traffic on other instance types and layouts, the cheapest that meets the target first.

A step time belongs to one layout on one instance type. Each row is planned with what was measured
(or typed) for its own; a row without either is named and not planned. Only where the caller
gives an exponent is a step time carried over, from one tensor parallel size to another of the
same instance type, and the row is then marked as scaled.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf, log

from catalog.instance_types import INSTANCE_TYPES, GpuInstanceType
from catalog.memory_fit import MemoryFit, layouts_across_nodes, layouts_in_one_node
from catalog.parallel_layout import ParallelLayout
from planner.deployment import Deployment
from planner.plan import Plan, PlanRequest, Progress, Verdict, no_progress, plan
from planner.throughput import Measurement, scaled, scales

MOST_NODES_OF_AN_ENGINE = 4

_PLACE = re.compile(
    r"(?:(?P<type>[a-z]\w*\.\w+):)?tp(?P<tp>\d+)(?:pp(?P<pp>\d+))?(?:dp(?P<dp>\d+))?(?P<ep>ep)?"
)


@dataclass(frozen=True, slots=True)
class Place:
    """A layout on an instance type."""

    instance_type: str
    layout: ParallelLayout

    def __str__(self) -> str:
        layout = self.layout
        text = f"{self.instance_type}:tp{layout.tensor_parallel_size}"
        if layout.pipeline_parallel_size > 1:
            text += f"pp{layout.pipeline_parallel_size}"
        if layout.data_parallel_size > 1:
            text += f"dp{layout.data_parallel_size}"
        return text + ("ep" if layout.expert_parallel else "")

    @classmethod
    def parse(cls, text: str, instance_type: str | None) -> "Place":
        """`[INSTANCE:]tpN[ppN][dpN][ep]`; a ValueError says so."""
        match = _PLACE.fullmatch(text)
        where = match and (match["type"] or instance_type)
        if match is None or where is None:
            example = "p4d.24xlarge:tp8, p4de.24xlarge:tp8pp2, p4d.24xlarge:tp4dp2ep"
            raise ValueError(
                f"{text} is not allowed; allowed: [INSTANCE:]LAYOUT, such as {example}"
            )
        return cls(
            where,
            ParallelLayout(
                int(match["tp"]),
                pipeline_parallel_size=int(match["pp"] or 1),
                data_parallel_size=int(match["dp"] or 1),
                expert_parallel=match["ep"] is not None,
            ),
        )


class Basis(StrEnum):
    MEASURED = "measured"
    ASSUMED = "ASSUMED"
    SCALED = "ASSUMED: scaled"
    NONE = "not measured"


@dataclass(frozen=True, slots=True)
class Row:
    """`plan` is None where nothing says how fast the layout is, or where it does not fit."""

    place: Place
    deployment: Deployment
    fit: MemoryFit
    basis: Basis
    plan: Plan | None

    @property
    def meets(self) -> bool:
        return self.plan is not None and self.plan.verdict is Verdict.MEETS


def compare(
    request: PlanRequest,
    measurements: Mapping[Place, Measurement],
    *,
    scaling_exponent: float | None = None,
    progress: Progress = no_progress,
) -> list[Row]:
    """Rows that meet the target by cost, then those that miss it, are not measured, do not fit."""
    rows = []
    for place in _places(request.deployment, measurements):
        deployment = on(request.deployment, place)
        fit = deployment.fit()
        basis, measurement = _basis(place, measurements, scaling_exponent)
        found = None
        if fit.fits and measurement is not None:
            own = replace(
                request,
                deployment=deployment,
                throughput=measurement.throughput,
                measured_batch=measurement.batch,
                replicas=None,
            )
            found = plan(own, _named(progress, str(place)))
        rows.append(Row(place, deployment, fit, basis, found))
    return sorted(rows, key=_rank)


def _named(progress: Progress, place: str) -> Progress:
    return lambda what, done, total: progress(f"{place} {what}", done, total)


def on(deployment: Deployment, place: Place) -> Deployment:
    """`deployment` in that place; host memory and cores are its own where it stays as it is."""
    node = INSTANCE_TYPES[place.instance_type]
    if (deployment.instance_type, deployment.layout) == (node, place.layout):
        return deployment
    return replace(deployment, instance_type=node, layout=place.layout, given_pod=None)


def _places(deployment: Deployment, measurements: Mapping[Place, Measurement]) -> list[Place]:
    """All layouts of one node, those across nodes where no other fits, and what was measured."""
    found = [
        place
        for node in INSTANCE_TYPES.values()
        for place in _placeson(deployment, node)
        if not on(deployment, place).refusals()
    ]
    return [*found, *(place for place in measurements if place not in found)]


def _placeson(deployment: Deployment, node: GpuInstanceType) -> Iterator[Place]:
    inside = [Place(node.name, each) for each in layouts_in_one_node(deployment.model, node)]
    yield from inside
    for place in inside:
        yield replace(place, layout=replace(place.layout, expert_parallel=True))
    if not any(on(deployment, place).fit().fits for place in inside):
        for layout in layouts_across_nodes(
            deployment.model, node, most_nodes=MOST_NODES_OF_AN_ENGINE
        ):
            yield Place(node.name, layout)


def _basis(
    place: Place, measurements: Mapping[Place, Measurement], exponent: float | None
) -> tuple[Basis, Measurement | None]:
    own = measurements.get(place)
    if own is not None:
        return (Basis.ASSUMED if own.throughput.assumed else Basis.MEASURED), own
    size = place.layout.tensor_parallel_size
    others = [
        each
        for each in measurements
        if each.instance_type == place.instance_type and scales(each.layout, place.layout)
    ]
    if exponent is None or not others:
        return Basis.NONE, None
    nearest = min(others, key=lambda each: abs(log(each.layout.tensor_parallel_size / size)))
    return Basis.SCALED, scaled(
        measurements[nearest], of=nearest.layout, to=place.layout, exponent=exponent
    )


def _rank(row: Row) -> tuple[int, float, int]:
    group = 0 if row.meets else 1 if row.plan else 2 if row.fit.fits else 3
    price = row.plan.price.usd_per_hour if row.plan and row.plan.price else None
    nodes = row.plan.nodes if row.plan and row.plan.nodes else row.deployment.nodes_per_engine
    return group, inf if price is None else price, nodes
