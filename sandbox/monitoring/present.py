"""What Prometheus in the sandbox shows now, and how another scene is played to it."""

import json
import urllib.request
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.endpoints import Endpoints
from sandbox.monitoring.scenes import Scene

TIMEOUT_S = 5.0


@dataclass(frozen=True)
class PresentAlert:
    """An alert that is not at rest."""

    name: str
    state: Literal["pending", "firing"]
    severity: str
    description: str


@dataclass(frozen=True)
class Monitoring:
    """`elapsed_s` is the scene's own time, which runs `speed` times as fast as ours."""

    url: str
    speed: int
    scene: str
    elapsed_s: float
    alerts: tuple[PresentAlert, ...]
    deployed: tuple[str, ...]
    """Names of all alerts that the stack's rules have."""


def monitoring(endpoints: Endpoints, speed: int) -> Monitoring:
    """What is played, and the alerts that it has brought; OSError where nobody answers."""
    played = _request("GET", f"{endpoints.player_url}/scene")
    data = _request("GET", f"{endpoints.prometheus_url}/api/v1/alerts")["data"]
    groups = _request("GET", f"{endpoints.prometheus_url}/api/v1/rules?type=alert")["data"][
        "groups"
    ]
    alerts = [
        PresentAlert(
            each["labels"]["alertname"],
            each["state"],
            each["labels"].get("severity", ""),
            each["annotations"].get("description", ""),
        )
        for each in data["alerts"]
    ]
    return Monitoring(
        endpoints.prometheus_url,
        speed,
        played["scene"],
        played["elapsed_s"],
        tuple(sorted(alerts, key=lambda alert: (alert.state, alert.name, alert.description))),
        tuple(sorted({rule["name"] for group in groups for rule in group["rules"]})),
    )


def play(endpoints: Endpoints, scene: Scene) -> None:
    """From now on `scene` is played; OSError where nobody answers."""
    _request("PUT", f"{endpoints.player_url}/scene", {"scene": scene.name})


def _request(method: str, url: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, method=method)  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=TIMEOUT_S) as answer:
        return json.load(answer)
