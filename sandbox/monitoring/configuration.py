"""How Prometheus is started in the sandbox: its command line and its configuration file."""

import json
from pathlib import Path
from typing import Any

from sandbox.endpoints import LOOPBACK
from sandbox.monitoring.compressed_time import compressed_duration

_INTERVAL = "30s"
"""Of scrapes and of evaluations: what prometheus-operator writes where nothing else is said."""
_DATA_LIMIT = "1GB"
_LOOKBACK = "5m"
"""How long Prometheus holds a value that has no successor: its default."""


def command(prometheus: Path, folder: Path, port: int, speed: int) -> tuple[str, ...]:
    """Prometheus with `folder`'s configuration; changed rules are seen within a second."""
    return (
        str(prometheus),
        f"--config.file={folder / 'prometheus.json'}",
        f"--storage.tsdb.path={folder / 'data'}",
        # A sandbox that nobody thinks of must not fill the disk.
        f"--storage.tsdb.retention.size={_DATA_LIMIT}",
        f"--web.listen-address={LOOPBACK}:{port}",
        f"--query.lookback-delta={compressed_duration(_LOOKBACK, speed)}",
        "--config.auto-reload",
        "--config.auto-reload-interval=1s",
        "--log.level=warn",
    )


def configuration(rules: Path, player_url: str, speed: int) -> str:
    """The configuration file: rules from the folder `rules`, targets from the player."""
    interval = compressed_duration(_INTERVAL, speed)
    return json.dumps(
        {
            "global": {
                "scrape_interval": interval,
                "scrape_timeout": interval,
                "evaluation_interval": interval,
            },
            "rule_files": [str(rules / "*.json")],
            "scrape_configs": [
                _scrape_config(player_url, honor_labels) for honor_labels in (False, True)
            ],
        },
        indent=2,
    )


def _scrape_config(player_url: str, honor_labels: bool) -> dict[str, Any]:
    answer = str(honor_labels).lower()
    return {
        "job_name": f"honor-labels-{answer}",
        "honor_labels": honor_labels,
        "http_sd_configs": [
            {"url": f"{player_url}/targets?honor_labels={answer}", "refresh_interval": "1s"}
        ],
    }
