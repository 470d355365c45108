"""A past for Prometheus: what it would have scraped of a scene before it was started.

Alerts on error budgets look back for days. With no history, half an hour of trouble is all that
they see, and the slowest of them fires.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from sandbox.monitoring.fleet import Fleet
from sandbox.monitoring.scene import Scene
from sandbox.monitoring.series import labels_text

_OF_ENGINES = "vllm:"
_STEP_S = 600


def write_history(
    promtool: Path,
    scene: Scene,
    fleet: Fleet,
    data: Path,
    *,
    began_s: float,
    ends_s: float,
    speed: int,
) -> None:
    """Blocks in Prometheus' folder `data`, of what engines count from `began_s` to `ends_s`.

    Both are on our clock. A sample every ten minutes of the scene's own time is enough for windows
    of hours. Raises CalledProcessError.
    """
    source = data.with_suffix(".openmetrics")
    with source.open("w") as file:
        file.writelines(_lines(scene, fleet, began_s, ends_s, speed))
    command = ("tsdb", "create-blocks-from", "openmetrics", "--quiet")
    subprocess.run([str(promtool), *command, str(source), str(data)], check=True)
    source.unlink()


def _lines(scene: Scene, fleet: Fleet, began_s: float, ends_s: float, speed: int) -> Iterator[str]:
    for elapsed_s in range(0, round((ends_s - began_s) * speed), _STEP_S):
        at_s = began_s + elapsed_s / speed
        for sample in scene.samples(elapsed_s, fleet):
            if sample.cumulative and sample.name.startswith(_OF_ENGINES):
                yield f"{sample.name}{labels_text(sample.labels)} {sample.value!r} {at_s:.3f}\n"
    yield "# EOF\n"
