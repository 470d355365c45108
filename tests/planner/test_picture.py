"""The figure of a plan: what it shows, and that nothing in it covers anything else."""

from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import BboxBase

from planner import picture, report
from planner.burst import burst_trace
from planner.picture import Drawing
from planner.plan import Plan, plan
from planner.sweep import sweep
from tests.planner.plans import STEP_TIME, bursty_plan, met_plan, request, too_large_plan

PLANS = {"met": met_plan, "bursty": bursty_plan, "too large": too_large_plan}


@cache
def _drawing(name: str) -> Drawing:
    return picture.drawing(PLANS[name]())


def _texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text)]


def _measured_plan() -> Plan:
    return met_plan(measured=True)


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize(("suffix", "begin"), [(".png", b"\x89PNG"), (".svg", b"<?xml")])
def test_a_file_is_written_whole(name: str, suffix: str, begin: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"plan{suffix}"
    picture.save(path, _drawing(name))
    assert path.read_bytes().startswith(begin)
    assert list(tmp_path.iterdir()) == [path]


def test_equal_plans_are_equal_files(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        picture.save(tmp_path / name, _drawing("met"))
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@pytest.mark.parametrize("name", PLANS)
def test_an_assumed_step_time_is_written_across(name: str) -> None:
    assert report.ASSUMED in _texts(picture.figure(_drawing(name)))


def test_a_measured_one_has_no_watermark() -> None:
    found = _measured_plan()
    drawn = picture.figure(Drawing(found, _drawing("met").sweep, _drawing("met").burst))
    assert not any(report.ASSUMED in text for text in _texts(drawn))
    assert any("fit of results/a.json, error 3.0%" in text for text in _texts(drawn))


def test_verdict_and_traffic_are_told() -> None:
    texts = " ".join(_texts(picture.figure(_drawing("met"))))
    assert "MET" in texts
    assert "20 requests/s, no bursts" in texts
    assert "first token 1 s, between tokens 150 ms" in texts
    texts = " ".join(_texts(picture.figure(_drawing("too large"))))
    assert "DOES NOT FIT" in texts
    assert "would fit: p4de.24xlarge" in texts


@pytest.mark.parametrize("name", PLANS)
def test_no_text_covers_another(name: str) -> None:
    with picture.styled():
        drawn = picture.figure(_drawing(name))
        renderer = FigureCanvasAgg(drawn).get_renderer()  # type: ignore[no-untyped-call]
        drawn.draw(renderer)
        boxes = [
            (text.get_text(), text.get_window_extent(renderer)) for text in _drawn_texts(drawn)
        ]
    for (one, first), (other, second) in combinations(boxes, 2):
        assert not _overlap(first, second), f"{one!r} covers {other!r}"
    width, height = drawn.bbox.width, drawn.bbox.height
    for text, box in boxes:
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
        assert inside, f"{text!r} leaves the figure"


def _drawn_texts(drawn: Figure) -> list[Text]:
    """All but the watermark, which is meant to lie across, and ticks outside of their axis."""
    beyond = set()
    for axes in drawn.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if not low <= tick.get_loc() <= high:
                    beyond |= {tick.label1, tick.label2}
    return [
        text
        for text in drawn.findobj(Text)
        if isinstance(text, Text)
        and text.get_visible()
        and text.get_text() not in ("", report.ASSUMED)
        and text not in beyond
    ]


def _overlap(first: BboxBase, second: BboxBase) -> bool:
    wide = min(first.x1, second.x1) - max(first.x0, second.x0)
    high = min(first.y1, second.y1) - max(first.y0, second.y0)
    return wide > 1 and high > 1


def test_the_sweep_has_the_plan_in_it() -> None:
    found = met_plan()
    swept = sweep(found, factors=(0.5, 1.0, 1.5))
    assert swept.replicas == found.replicas
    assert swept.simulated[1] == found.simulated
    p99 = [each.ttft_s.p99 for each in swept.simulated]
    assert p99 == sorted(p99)


def test_where_no_number_of_engines_will_do_the_most_are_shown() -> None:
    found = plan(request(requests_per_s=2000.0))
    assert sweep(found, factors=(1.0,)).replicas == 64


def test_a_burst_fills_the_kv_cache_and_passes() -> None:
    found = bursty_plan()
    assert found.limits is not None
    trace = burst_trace(found.request.workload, found.limits, STEP_TIME, runs=4, seed=1)
    assert trace.kv_usage.shape == trace.waiting.shape == (4, len(trace.seconds))
    mean = trace.kv_usage.mean(axis=0)
    inside = (trace.seconds > 0.5 * trace.burst_s) & (trace.seconds < trace.burst_s)
    before = (trace.seconds > -trace.burst_s) & (trace.seconds < 0)
    assert mean[inside].mean() > 2 * mean[before].mean()
    assert np.all((trace.kv_usage >= 0) & (trace.kv_usage <= 1))
    assert np.all(trace.waiting >= 0)
