"""What a scrape of the plugin gives, read by Prometheus' own parser."""

import urllib.request

from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[tuple[str, str]]


def scrape(port: int) -> dict[str, dict[Labels, float]]:
    """Samples by name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def tokens(port: int) -> dict[tuple[int, int], float]:
    """By layer and expert."""
    found = {}
    for labels, value in scrape(port).get("moe_expert_tokens_total", {}).items():
        named = dict(labels)
        found[int(named["layer"]), int(named["expert"])] = value
    return found


def gauge(port: int, name: str) -> float:
    (value,) = scrape(port)[name].values()
    return value
