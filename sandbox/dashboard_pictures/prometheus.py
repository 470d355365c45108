"""A real Prometheus that remembers the story, and answers what a dashboard asks."""

import json
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.dashboards.board import Variable
from sandbox.dashboard_pictures import story
from sandbox.endpoints import LOOPBACK, free_ports
from sandbox.monitoring.fleet import EXAMPLE
from sandbox.monitoring.series import labels_text
from sandbox.toolchain.ensure import PrometheusTools

_READY_S = 60


@dataclass(frozen=True)
class Answered:
    """One series of an answer: labels, times in seconds, values."""

    labels: dict[str, str]
    times_s: tuple[float, ...]
    values: tuple[float, ...]


class Api:
    """Prometheus' HTTP API; raises OSError where it does not answer, or refuses a query."""

    def __init__(self, url: str) -> None:
        self.url = url

    def at(self, expression: str, at_s: float) -> list[Answered]:
        data = self._get("query", query=expression, time=at_s)
        if data["resultType"] == "scalar":
            return [_answered({"metric": {}, "values": [data["result"]]})]
        return [_answered({**each, "values": [each["value"]]}) for each in data["result"]]

    def over(self, expression: str, from_s: float, to_s: float) -> list[Answered]:
        data = self._get("query_range", query=expression, start=from_s, end=to_s, step=story.STEP_S)
        return [_answered(each) for each in data["result"]]

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5):  # noqa: S310
                return True
        except OSError:
            return False

    def _get(self, path: str, **parameters: object) -> Any:
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310
            return json.load(answer)["data"]


def _answered(result: dict[str, Any]) -> Answered:
    pairs = result["values"]
    return Answered(
        result["metric"],
        tuple(float(at_s) for at_s, _ in pairs),
        tuple(float(value) for _, value in pairs),
    )


def filled_in(expression: str, variables: tuple[Variable, ...]) -> str:
    """Grafana's variables replaced as Grafana does at the zoom of a picture."""
    chosen = {"namespace": EXAMPLE.namespace, "model": EXAMPLE.server}
    expression = expression.replace("$__rate_interval", "5m")
    for variable in variables:
        value = ".*" if variable.several else chosen[variable.name]
        expression = re.sub(rf"\${variable.name}\b", value, expression)
    return expression


@contextmanager
def remembering(tools: PrometheusTools, folder: Path) -> Iterator[Api]:
    """Prometheus with the story behind it, recording rules and all, in the empty `folder`.

    Raises CalledProcessError where promtool refuses, TimeoutError where Prometheus does not start.
    """
    data, source = folder / "data", folder / "story.openmetrics"
    with source.open("w") as file:
        for at_s, sample in story.samples():
            file.write(f"{sample.name}{labels_text(sample.labels)} {sample.value!r} {at_s}\n")
        file.write("# EOF\n")
    blocks = [str(tools.promtool), "tsdb", "create-blocks-from"]
    subprocess.run([*blocks, "openmetrics", "--quiet", str(source), str(data)], check=True)
    source.unlink()
    rules = folder / "rules.json"
    recordings = [rule.rule("") for rule in story.recordings()]
    rules.write_text(json.dumps({"groups": [{"name": "recordings", "rules": recordings}]}))
    with _running(tools.prometheus, folder) as api:
        subprocess.run(
            [
                *(*blocks, "rules", f"--url={api.url}", f"--output-dir={data}"),
                *(f"--start={story.BEGAN_S}", f"--end={story.ENDS_S}"),
                *(f"--eval-interval={story.STEP_S}s", str(rules)),
            ],
            check=True,
            capture_output=True,
        )
    # Blocks that others have made are seen at start.
    with _running(tools.prometheus, folder) as api:
        yield api


@contextmanager
def _running(prometheus: Path, folder: Path) -> Iterator[Api]:
    (port,) = free_ports(1)
    configuration = folder / "prometheus.json"
    configuration.write_text("{}")
    command = [
        str(prometheus),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=10y",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--log.level=warn",
    ]
    api = Api(f"http://{LOOPBACK}:{port}")
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        until = time.monotonic() + _READY_S
        while not api.is_ready():
            if process.poll() is not None or time.monotonic() > until:
                raise TimeoutError(f"Prometheus does not start: {folder / 'log'}")
            time.sleep(0.1)
        yield api
    finally:
        process.terminate()
        process.wait(timeout=30)
