"""A plan as one figure, for a design review."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from dataclasses import replace as changed
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from matplotlib.transforms import Bbox

from planner import report
from planner.burst import BurstTrace, burst_trace
from planner.hints import hints
from planner.lengths import FloatArray
from planner.percentiles import Percentiles
from planner.plan import Plan, Progress, Verdict, no_progress
from planner.sweep import Sweep, sweep

BURST_RUNS = 30

_WIDTH, _HEIGHT = 13.33, 8.4
"""Inches; a slide is as wide."""

# Okabe and Ito's colours, which colour-blind people tell apart; the lines differ in style too.
_BLUE, _SKY, _GREEN = "#0072B2", "#56B4E9", "#009E73"
_ORANGE, _VERMILION = "#E69F00", "#D55E00"
_INK, _GREY, _PALE = "#222222", "#6B6B6B", "#E4E4E4"

_SIGNS = {
    Verdict.MEETS: ("MET", _BLUE),
    Verdict.MISSES: ("NOT MET", _VERMILION),
    Verdict.CANNOT_TELL: ("CANNOT TELL", _VERMILION),
    Verdict.DOES_NOT_FIT: ("DOES NOT FIT", _VERMILION),
}
_LINES = (
    ("p99", _VERMILION, "-", "o"),
    ("p95", _BLUE, "--", "s"),
    ("p50", _SKY, "-.", "^"),
)
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": _GREY,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _PALE,
    "grid.linewidth": 0.7,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
    "text.color": _INK,
    # Texts in dollars are no formulas, and equal plans are equal files.
    "text.parse_math": False,
    "svg.hashsalt": "moe plan",
}


@dataclass(frozen=True, slots=True)
class Drawing:
    """All that a figure shows; nothing beside the plan where the model does not fit."""

    plan: Plan
    sweep: Sweep | None = None
    burst: BurstTrace | None = None


def drawing(plan: Plan, progress: Progress = no_progress) -> Drawing:
    """Simulates what a figure needs beyond the plan."""
    if plan.limits is None:
        return Drawing(plan)
    swept = sweep(plan, progress=progress)
    request = plan.request
    part = changed(request.workload, requests_per_s=request.requests_per_s / swept.replicas)
    trace = burst_trace(
        part, plan.limits, request.throughput.step_time, runs=BURST_RUNS, seed=request.seed
    )
    return Drawing(plan, swept, trace)


def save(path: Path, what: Drawing) -> None:
    """A .png or .svg; never half a file under its name."""
    with styled(), tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
        whole = Path(folder) / path.name
        metadata = {"Date": None} if path.suffix == ".svg" else {}
        # Without panels the lower half is empty.
        cut = None if what.sweep else Bbox(((0, _HEIGHT * 0.46), (_WIDTH, _HEIGHT)))
        figure(what).savefig(whole, dpi=160, metadata=metadata, bbox_inches=cut)
        whole.replace(path)


def styled() -> AbstractContextManager[None]:
    """In it a figure looks as it should; outside it has the fonts of whoever calls."""
    return mpl.rc_context(_STYLE)


def figure(what: Drawing) -> Figure:
    plan = what.plan
    drawn = Figure(figsize=(_WIDTH, _HEIGHT), facecolor="white")
    _header(drawn, plan)
    _memory(drawn.add_axes((0.055, 0.79, 0.92, 0.045)), plan)
    if what.sweep is None or what.burst is None:
        fixes = "\n".join(f"would fit: {each}" for each in report.fixes(plan))
        drawn.text(0.055, 0.685, fixes, va="top", fontsize=11, linespacing=1.6)
        _marks(drawn, plan, footer=0.5, watermark=(0.62, 90))
        return drawn
    grid = GridSpec(
        2, 3, drawn, left=0.055, right=0.975, top=0.675, bottom=0.175, height_ratios=(2.5, 1)
    )
    grid.update(wspace=0.2, hspace=0.22)
    _load_panels(drawn, grid, plan, what.sweep)
    _burst_panels(drawn, grid, plan, what.burst)
    _marks(drawn, plan, footer=0.108, watermark=(0.42, 150))
    return drawn


def _header(drawn: Figure, plan: Plan) -> None:
    request = plan.request
    head = f"Capacity plan: {report.engine(request.deployment)}"
    drawn.text(0.055, 0.972, head, fontsize=16, fontweight="bold", va="top")
    below = f"{report.traffic(request)}; {report.target(request)}"
    drawn.text(0.055, 0.929, below, fontsize=10, color=_GREY, va="top")
    sign, colour = _SIGNS[plan.verdict]
    drawn.text(
        0.06,
        0.888,
        sign,
        fontsize=11,
        fontweight="bold",
        color="white",
        va="center",
        bbox={"boxstyle": "round,pad=0.35", "facecolor": colour, "edgecolor": "none"},
    )
    words = fill(_summary(plan), 150, max_lines=2)
    drawn.text(0.075 + 0.009 * len(sign), 0.888, words, fontsize=10.5, va="center")


def _summary(plan: Plan) -> str:
    parts = [report.verdict(plan)]
    if plan.verdict is Verdict.MEETS and plan.headroom is not None:
        parts.append(f"headroom {plan.headroom:.2f} x")
    if plan.verdict is Verdict.MEETS and plan.price and plan.price.usd_per_hour is not None:
        parts.append(f"USD {plan.price.usd_per_hour:,.2f} an hour for GPU nodes")
    if plan.verdict is Verdict.MEETS and plan.usd_per_million_output_tokens is not None:
        parts.append(f"USD {plan.usd_per_million_output_tokens:,.2f} a million output tokens")
    return "; ".join(parts)


def _memory(axes: Axes, plan: Plan) -> None:
    """One GPU of the fullest stage, to scale."""
    fit = plan.fit
    total_gib = fit.instance_type.gpu_memory_gib
    # What is not the KV cache's is written first, so that a model that is too large shows.
    parts = [
        ("weights", fit.weights_gib, _BLUE),
        ("activations and graphs", fit.overhead_gib, _ORANGE),
        ("KV cache", max(0.0, fit.kv_cache_gib), _GREEN),
    ]
    used_gib = sum(gib for _, gib, _ in parts)
    parts.append(("left to the driver and as reserve", max(0.0, total_gib - used_gib), _PALE))
    begin = 0.0
    for name, gib, colour in parts:
        label = f"{name} {gib:.1f} GiB"
        axes.barh(0, gib, left=begin, color=colour, label=label, edgecolor="white")
        begin += gib
    axes.axvline(fit.needed_gib, color=_INK, linewidth=1.4, linestyle=(0, (4, 2)))
    axes.plot(
        [],
        [],
        color=_INK,
        linewidth=1.4,
        linestyle=(0, (4, 2)),
        label=f"needed for {fit.min_sequences} full-length sequences {fit.needed_gib:.1f} GiB",
    )
    axes.set_xlim(0, max(total_gib, fit.needed_gib) * 1.001)
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="x", labelsize=8, length=2, pad=1)
    axes.set_title(
        f"Memory of one GPU ({fit.instance_type.gpu_name}); the KV cache holds"
        f" {fit.kv_tokens:,} tokens of an engine, {fit.sequences:.0f} sequences of"
        f" {fit.max_model_len}"
    )
    axes.legend(
        loc="upper left", bbox_to_anchor=(-0.006, -0.42), ncol=5, fontsize=8.5, handlelength=1.4
    )


def _load_panels(drawn: Figure, grid: GridSpec, plan: Plan, swept: Sweep) -> None:
    target = plan.request.target
    ttft, itl = drawn.add_subplot(grid[0, 0]), drawn.add_subplot(grid[0, 1])
    engines = f"{swept.replicas} engine{'' if swept.replicas == 1 else 's'}"
    _percentile_lines(
        ttft, swept, [each.ttft_s for each in swept.simulated], target.ttft_p99_s, 1, "s"
    )
    ttft.set_title(f"Time to first token, {engines} (s)")
    _percentile_lines(
        itl, swept, [each.itl_s for each in swept.simulated], target.itl_p99_s, 1000, "ms"
    )
    itl.set_title(f"Time between tokens, {engines} (ms)")
    rejected, usage = drawn.add_subplot(grid[1, 0]), drawn.add_subplot(grid[1, 1])
    _bars(rejected, swept, [each.rejected_share for each in swept.simulated], _VERMILION)
    rejected.axhline(target.rejected_share, color=_INK, linewidth=1.1, linestyle=(0, (4, 2)))
    rejected.set_title("Rejected requests (HTTP 503)")
    _bars(usage, swept, [each.kv_usage_p99 for each in swept.simulated], _GREEN)
    usage.set_title("KV cache in use, p99")
    for axes in (rejected, usage):
        axes.set_xlabel(f"traffic, as a factor of {plan.request.requests_per_s:g} requests/s")
        axes.set_xlim(0.44, 1.56)
    for axes in (ttft, itl):
        axes.set_xlim(0.44, 1.56)
        axes.tick_params(labelbottom=False)


def _percentile_lines(
    axes: Axes,
    swept: Sweep,
    figures: Sequence[Percentiles],
    target: float,
    factor: float,
    unit: str,
) -> None:
    for name, colour, line, marker in _LINES:
        values = [getattr(each, name) * factor for each in figures]
        axes.plot(
            swept.factors,
            values,
            color=colour,
            linestyle=line,
            marker=marker,
            markersize=4,
            linewidth=1.8,
            label=name,
        )
    label = f"target {target * factor:g} {unit}"
    axes.axhline(target * factor, color=_INK, linewidth=1.4, linestyle=(0, (4, 2)), label=label)
    axes.axvline(1, color=_GREY, linewidth=1)
    axes.set_yscale("log")
    highest = max(axes.get_ylim()[1], target * factor * 1.2)
    # Room for the legend above the lines.
    low = axes.get_ylim()[0]
    axes.set_ylim(low, highest * (highest / low) ** 0.22)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.legend(loc="upper left", ncol=4, fontsize=8.5, handlelength=2.2, columnspacing=1.1)


def _bars(axes: Axes, swept: Sweep, shares: Sequence[float], colour: str) -> None:
    axes.bar(swept.factors, shares, width=0.06, color=colour)
    axes.axvline(1, color=_GREY, linewidth=1)
    axes.set_ylim(0, max(0.05, max(shares) * 1.25))
    _percents(axes, 4)


def _percents(axes: Axes, ticks: int) -> None:
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share * 100:g}%"))
    axes.yaxis.set_major_locator(MaxNLocator(ticks, steps=(1, 2, 5, 10)))


def _burst_panels(drawn: Figure, grid: GridSpec, plan: Plan, trace: BurstTrace) -> None:
    usage, waiting = drawn.add_subplot(grid[0, 2]), drawn.add_subplot(grid[1, 2])
    bursts = plan.request.burst_factor > 1
    what = f"burst of {trace.burst_s:g} s" if bursts else "planned traffic"
    usage.set_title(f"KV cache in use, {what}, one engine")
    _band(usage, trace, trace.kv_usage, _GREEN, least=0.05)
    _percents(usage, 7)
    usage.tick_params(labelbottom=False)
    _band(waiting, trace, trace.waiting, _BLUE, least=2)
    waiting.set_title("Requests that wait, one engine")
    waiting.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    waiting.set_xlabel("seconds from the start of the burst" if bursts else "seconds")
    for axes in (usage, waiting):
        if bursts:
            axes.axvspan(0, trace.burst_s, color=_ORANGE, alpha=0.16, linewidth=0)
        axes.set_xlim(trace.seconds[0], trace.seconds[-1])
    usage.legend(loc="upper left", fontsize=8.5, ncol=2)


def _band(axes: Axes, trace: BurstTrace, values: FloatArray, colour: str, *, least: float) -> None:
    p50, p95 = np.percentile(values, (50, 95), axis=0)
    axes.fill_between(
        trace.seconds, p50, p95, color=colour, alpha=0.28, linewidth=0, label="up to p95"
    )
    axes.plot(
        trace.seconds, p50, color=colour, linewidth=1.8, label=f"median of {len(values)} runs"
    )
    axes.set_ylim(0, max(least, float(p95.max()) * 1.3))


def _marks(drawn: Figure, plan: Plan, *, footer: float, watermark: tuple[float, int]) -> None:
    """What was assumed, in small letters and, if the step time was, in very large ones."""
    text = "\n".join(fill(line, 205, subsequent_indent="    ") for line in _footnotes(plan))
    drawn.text(0.055, footer, text, fontsize=8, color=_GREY, va="top", linespacing=1.45)
    if plan.assumed:
        height, size = watermark
        drawn.text(
            0.5,
            height,
            report.ASSUMED,
            fontsize=size,
            fontweight="bold",
            color=_VERMILION,
            alpha=0.09,
            rotation=24 if size > 100 else 12,
            ha="center",
            va="center",
            zorder=100,
        )


def _footnotes(plan: Plan) -> Iterator[str]:
    request = plan.request
    yield f"Step time: {report.step_time(plan)}."
    if plan.simulated is None:
        return
    yield (
        f"Simulated: vLLM 0.33's scheduler, {plan.requests_of_a_run:,} requests a point, seed"
        f" {request.seed}; engines get requests by chance; prompt and output lengths log-normal;"
        " no hits in the prefix cache; a rejected client does not come again."
    )
    if plan.price is not None:
        yield f"Cost: {plan.price.note}, GPU nodes alone."
    said = [each for each in hints(plan) if report.ASSUMED not in each]
    if said:
        yield f"Note: {'; '.join(said)}."
