"""The step times that `moe plan` is given, and to which layout each belongs."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from catalog import instance_types
from cli.answer import CommandError
from cli.plan_options import ASSUMED_OPTIONS, Options, checked
from planner.compare import Place, on
from planner.deployment import Deployment
from planner.throughput import Measurement, how_to_measure, measured_on, typed
from stacks import reading


def named_files(options: Options) -> list[tuple[Place | None, Path]]:
    """Files and folders of --measured; None for those of the plan's own layout."""
    found = []
    for text in options.measured:
        before, sign, after = text.rpartition("=")
        place = _place(before, options, "--measured") if sign and not Path(text).exists() else None
        found.append((place, Path(after if place else text)))
    return found


def measurements_of(
    options: Options,
    files: Sequence[tuple[Place | None, Path]],
    layouts: Sequence[tuple[Place, Measurement]],
    own: Place,
) -> dict[Place, Measurement]:
    """By place; `own` is that of the plan."""
    paths: dict[Place, list[Path]] = {}
    for place, path in files:
        paths.setdefault(place or own, []).extend(_results_in(path))
    found = {
        place: checked("--measured", partial(measured_on, each, place.layout))
        for place, each in paths.items()
    }
    typed_here = _assumed_here(options)
    for place, measurement in [*layouts, *([(own, typed_here)] if typed_here else [])]:
        if place in found:
            raise CommandError(f"two step times for {place}: measured or assumed, and once")
        found[place] = measurement
    return found


def _results_in(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    results = sorted(path.glob("*.json"))
    if not results:
        raise CommandError(f"--measured {path}: has no .json files")
    return results


def _assumed_here(options: Options) -> Measurement | None:
    values = [
        options.assume_step_ms,
        options.assume_sequence_ms,
        options.assume_prefill_tokens_per_s,
    ]
    given = [value for value in values if value is not None]
    if not given:
        return None
    missing = [name for name, value in zip(ASSUMED_OPTIONS, values, strict=True) if value is None]
    if missing:
        raise CommandError(f"missing: {', '.join(missing)}; they are assumed together")
    return _typed(given, ", ".join(ASSUMED_OPTIONS))


def assumed_layouts(options: Options) -> list[tuple[Place, Measurement]]:
    """Of --assume-layout."""
    found = []
    for text in options.assume_layout:
        name, _, numbers = text.partition("=")
        try:
            values = [float(number) for number in numbers.split(",")]
        except ValueError:
            values = []
        if len(values) != len(ASSUMED_OPTIONS):
            raise CommandError(
                f"--assume-layout {text} is not allowed; allowed: LAYOUT=STEP_MS,SEQUENCE_MS,"
                "PREFILL_TOKENS_PER_S, such as p4d.24xlarge:tp4=20,0.15,14000"
            )
        place = _place(name, options, "--assume-layout")
        found.append((place, _typed(values, "--assume-layout")))
    return found


def _typed(values: Sequence[float], option: str) -> Measurement:
    step_ms, sequence_ms, prefill = values
    if not all(math.isfinite(value) for value in values) or step_ms <= 0 or prefill <= 0:
        raise CommandError(
            f"{option}: {step_ms:g}, {sequence_ms:g}, {prefill:g} is not allowed; allowed: more"
            " than 0 (0 or more for a sequence)"
        )
    return checked(
        option,
        lambda: typed(step_ms=step_ms, sequence_ms=sequence_ms, prefill_tokens_per_s=prefill),
    )


def _place(text: str, options: Options, option: str) -> Place:
    kind = options.instance_type
    if kind is None and options.stack is not None:
        kind = reading.from_file(options.stack).gpu_node_group.instance_type
    place = checked(option, lambda: Place.parse(text, kind))
    checked(option, lambda: instance_types.instance_type(place.instance_type))
    return place


def refuse_strangers(
    options: Options,
    measurements: Mapping[Place, Measurement],
    deployment: Deployment,
    own: Place,
) -> None:
    """Step times of layouts that are not planned, or that could not start."""
    strangers = [str(place) for place in measurements if place != own]
    if strangers and not options.compare:
        raise CommandError(
            f"{', '.join(strangers)} is not what is planned, {own}: a step time does not carry"
            " over; --compare plans them all"
        )
    for place in measurements:
        for name, value, allowed in on(deployment, place).refusals():
            raise CommandError(f"{place}: {name} {value} is not allowed; allowed: {allowed}")


def no_step_time(own: Place, deployment: Deployment) -> str:
    return (
        f"nothing says how fast {own} is. Measure one engine and give its results with --measured"
        f" results, or assume with {', '.join(ASSUMED_OPTIONS)}, which marks the plan as ASSUMED."
        f" To measure:\n\n{how_to_measure(deployment)}"
    )
