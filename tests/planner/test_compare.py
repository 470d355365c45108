"""The same traffic on other instance types and layouts."""

from functools import cache

import pytest

from catalog.parallel_layout import ParallelLayout
from planner import compare_report
from planner.compare import Basis, Place, Row, compare
from planner.plan import Verdict
from planner.throughput import Measurement, scaled
from tests.planner.plans import ASSUMED, MEASURED, STEP_TIME, deployment, request

P4D_TP8 = Place("p4d.24xlarge", ParallelLayout(8))
P4DE_TP2 = Place("p4de.24xlarge", ParallelLayout(2))
MEASUREMENTS = {P4D_TP8: Measurement(MEASURED, 32.0), P4DE_TP2: Measurement(ASSUMED, None)}


@cache
def rows() -> list[Row]:
    return compare(request(), MEASUREMENTS)


@cache
def scaled_rows() -> list[Row]:
    return compare(request(), MEASUREMENTS, scaling_exponent=0.5)


def _row(found: list[Row], place: Place) -> Row:
    (row,) = [each for each in found if each.place == place]
    return row


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("p4d.24xlarge:tp8", ParallelLayout(8)),
        ("p4d.24xlarge:tp8pp2", ParallelLayout(8, pipeline_parallel_size=2)),
        (
            "p4d.24xlarge:tp4dp2ep",
            ParallelLayout(4, data_parallel_size=2, expert_parallel=True),
        ),
    ],
)
def test_a_place_reads_as_it_is_written(text: str, layout: ParallelLayout) -> None:
    assert Place.parse(text, None) == Place("p4d.24xlarge", layout)
    assert str(Place.parse(text.partition(":")[2], "p4d.24xlarge")) == text


@pytest.mark.parametrize("text", ["", "tp", "8", "tp8", "p4d.24xlarge:8", "p4d.24xlarge:tp8 "])
def test_a_place_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"allowed: \[INSTANCE:\]LAYOUT"):
        Place.parse(text, None)


def test_only_places_with_a_step_time_of_their_own_are_planned() -> None:
    planned = {row.place for row in rows() if row.plan is not None}
    assert planned == set(MEASUREMENTS)
    assert _row(rows(), P4D_TP8).basis is Basis.MEASURED
    assert _row(rows(), P4DE_TP2).basis is Basis.ASSUMED
    other = _row(rows(), Place("p4d.24xlarge", ParallelLayout(4)))
    assert (other.basis, other.plan, other.fit.fits) == (Basis.NONE, None, True)
    (unknown, too_large) = compare_report.notes(rows())
    assert "p4d.24xlarge:tp4" in unknown
    assert "p4d.24xlarge:tp1" in too_large


def test_rows_that_meet_come_by_cost() -> None:
    meeting = [row for row in rows() if row.meets]
    costs = [row.plan.price.usd_per_hour for row in meeting if row.plan and row.plan.price]
    assert len(costs) == len(meeting) == 2
    assert costs == sorted(costs)  # type: ignore[type-var]
    assert rows()[: len(meeting)] == meeting
    assert [row.fit.fits for row in rows()] == sorted([row.fit.fits for row in rows()])[::-1]


def test_a_step_time_is_scaled_only_where_asked_and_only_between_tensor_parallel_sizes() -> None:
    found = scaled_rows()
    scaled_places = {row.place for row in found if row.basis is Basis.SCALED}
    assert scaled_places == {
        Place("p4d.24xlarge", ParallelLayout(1)),
        Place("p4d.24xlarge", ParallelLayout(2)),
        Place("p4d.24xlarge", ParallelLayout(4)),
        Place("p4de.24xlarge", ParallelLayout(1)),
        Place("p4de.24xlarge", ParallelLayout(4)),
        Place("p4de.24xlarge", ParallelLayout(8)),
    }
    row = _row(found, Place("p4d.24xlarge", ParallelLayout(4)))
    assert row.plan is not None
    assert row.plan.assumed
    # Half the GPUs at exponent 0.5: the square root of two as slow.
    step_time = row.plan.request.throughput.step_time
    assert step_time.base_s == pytest.approx(STEP_TIME.base_s * 2**0.5)
    assert step_time.per_prefill_token_s == pytest.approx(STEP_TIME.per_prefill_token_s * 2**0.5)
    assert "scaled" in row.plan.request.throughput.source


def test_stages_ranks_and_experts_do_not_scale() -> None:
    for layout in (
        ParallelLayout(8, pipeline_parallel_size=2),
        ParallelLayout(4, data_parallel_size=2, expert_parallel=True),
        ParallelLayout(4, expert_parallel=True),
    ):
        with pytest.raises(ValueError, match="does not scale"):
            scaled(MEASUREMENTS[P4D_TP8], of=P4D_TP8.layout, to=layout, exponent=1)


def test_a_measured_engine_across_nodes_is_planned() -> None:
    place = Place("p4d.24xlarge", ParallelLayout(8, pipeline_parallel_size=2))
    found = compare(request(), {place: Measurement(MEASURED, None)})
    row = _row(found, place)
    assert row.plan is not None
    assert row.plan.replicas is not None
    assert row.plan.nodes == 2 * row.plan.replicas


def test_the_stacks_own_host_memory_is_not_given_to_other_layouts() -> None:
    own = deployment().least_pod()
    found = compare(request(deployment=deployment(given_pod=own)), MEASUREMENTS)
    assert _row(found, P4D_TP8).deployment.given_pod == own
    assert _row(found, P4DE_TP2).deployment.given_pod is None


def test_the_table_and_the_document_mark_what_was_assumed() -> None:
    assert "ASSUMED" in compare_report.title(scaled_rows())
    cells = compare_report.rows(scaled_rows())
    assert {row[-1] for row in cells} == {"measured", "ASSUMED", "ASSUMED: scaled"}
    document = compare_report.document(rows())
    assert [each["where"] for each in document] == [str(row.place) for row in rows()]
    planned = [each["plan"] for each in document if each["plan"]]
    assert [each["verdict"] for each in planned] == [Verdict.MEETS.value] * 2
