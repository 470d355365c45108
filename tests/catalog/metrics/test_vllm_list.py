"""The list of vLLM's metrics is that of the pinned version, and every kind of change shows in it.

The source package, 47 MB, is downloaded once into the cache that all checkouts share.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.metrics import exported
from catalog.metrics.vllm_list import LIST, source_package, text
from catalog.metrics.vllm_source import UnreadableError, metrics
from catalog.vllm_version import VERSION
from durable.places import PACKAGE_ROOT, cache_root

LOGGERS = "vllm/v1/metrics/loggers.py"
SMALL = {
    "vllm/v1/metrics/buckets.py": """
FAST = (0.1, 0.5)
_STATIC_FAMILY_DEFAULTS = {"latency": FAST}
""",
    "vllm/config/cache.py": """
class CacheConfig:
    LEAST: ClassVar[int] = 8
    block_size: int = 16
""",
    LOGGERS: """
class Logger:
    _counter_cls = Counter

    def __init__(self, config):
        labelnames = ["model_name"]
        self.label = "adapter"
        buckets = histogram_buckets("latency", overrides=config.buckets)
        self._counter_cls(name="vllm:ended", documentation="E", labelnames=labelnames + ["why"])
        self._counter_cls(name="vllm:started_total", documentation="S", labelnames=labelnames)
        self._gauge_cls(name="vllm:full_perc", documentation="1 means 100 percent.")
        self._gauge_cls(name="vllm:vague_perc", documentation="How full.")
        self._histogram_cls(name="vllm:wait_seconds", documentation="W", buckets=buckets)
        if config.lora:
            self._gauge_cls(name="vllm:lora_info", documentation="L", labelnames=[self.label])
        pairs = [("vllm:drafts", "D"), ("vllm:draft_tokens", "T")]
        both = [self._counter_cls(name=name, documentation=doc) for name, doc in pairs]
        if not config.more:
            return
        self._counter_cls(name="vllm:more", documentation="M", labelnames=labelnames)

    def info(self, metrics_info):
        name, documentation = None, None
        if config:
            name = "vllm:config_info"
            documentation = "Config"
        self._gauge_cls(name=name, documentation=documentation, labelnames=metrics_info.keys())
""",
    "vllm/distributed/far.py": 'Counter("vllm:far", "F", [unknown]); Counter("vllm:near", "N")',
}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A source tree with each way in which vLLM registers a metric."""
    for name, source in SMALL.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return tmp_path


@pytest.fixture(scope="module")
def pinned() -> Iterator[Path]:
    with source_package(cache_root()) as root:
        yield root


def test_the_committed_list_is_that_of_the_pinned_version(pinned: Path) -> None:
    assert LIST.read_text() == text(pinned)
    assert json.loads(LIST.read_text())["version"] == VERSION


def test_what_the_list_must_know_of_vllm() -> None:
    names = exported()
    assert {"vllm:kv_cache_usage_perc", "vllm:num_preemptions_total"} <= names.keys()
    assert not {"vllm:gpu_cache_usage_perc", "vllm:time_per_output_token_seconds"} & names.keys()
    assert names["vllm:kv_cache_usage_perc"].unit == "ratio"
    assert names["vllm:iteration_tokens_total"].type == "histogram"
    assert names["vllm:time_to_first_token_seconds"].edges[-1] == 2560
    assert names["vllm:admission_rejections_total"].labels >= {"model_name", "reason"}
    assert "engine" not in names["vllm:admission_rejections_total"].labels


def test_every_way_to_register_a_metric_is_read(small: Path) -> None:
    found = metrics(small)
    assert {name: row["type"] for name, row in found.items()} == {
        "vllm:config_info": "gauge",
        "vllm:draft_tokens_total": "counter",
        "vllm:drafts_total": "counter",
        "vllm:ended_total": "counter",
        "vllm:full_perc": "gauge",
        "vllm:lora_info": "gauge",
        "vllm:more_total": "counter",
        "vllm:near_total": "counter",
        "vllm:started_total": "counter",
        "vllm:vague_perc": "gauge",
        "vllm:wait_seconds": "histogram",
    }
    assert found["vllm:ended_total"]["labels"] == ["model_name", "why"]
    assert found["vllm:lora_info"]["labels"] == ["adapter"]
    assert found["vllm:config_info"]["labels"] == ["block_size", "engine"]
    assert found["vllm:wait_seconds"]["edges"] == [0.1, 0.5]
    assert (found["vllm:full_perc"]["unit"], found["vllm:vague_perc"]["unit"]) == ("ratio", "")
    assert {name: row["condition"] for name, row in found.items() if "condition" in row} == {
        "vllm:lora_info": "config.lora",
        "vllm:more_total": "config.more",
        "vllm:near_total": "with a KV or encoder-cache connector",
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("vllm:ended", "vllm:finished"),
        ("0.5)", "0.7)"),
        ('["why"]', '["reason"]'),
        ("1 means 100 percent.", "100 means 100 percent."),
        ("How full.", "How full, in percent."),
        ('_gauge_cls(name="vllm:full', '_counter_cls(name="vllm:full'),
        ("config.lora", "config.adapters"),
    ],
    ids=["name", "edge", "label", "unit", "text", "type", "condition"],
)
def test_each_change_shows(small: Path, old: str, new: str) -> None:
    before = metrics(small)
    for path in small.rglob("*.py"):
        path.write_text(path.read_text().replace(old, new))
    assert metrics(small) != before


def test_a_registration_that_cannot_be_read_is_an_error(small: Path) -> None:
    path = small / LOGGERS
    path.write_text(path.read_text().replace('name="vllm:ended"', "name=config.name"))
    with pytest.raises(UnreadableError, match="config.name"):
        metrics(small)


def test_a_package_with_another_digest_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog.metrics.vllm_list.SDIST_SHA256", "0" * 64)
    with pytest.raises(ValueError, match="not 0000"), source_package(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_whatever_says_that_it_is_of_a_version_is_of_the_pinned_one() -> None:
    """What to read again when the version changes; "since vLLM 0.21" stays true."""
    of_a_version = (
        r"(?<!in )(?<!since )vLLM (\d+\.\d+)|(?<= )\((\d+\.\d+)[,:] [`a-z]|--branch v(\d+\.\d+)"
    )
    said = {
        (path.relative_to(PACKAGE_ROOT).as_posix(), "".join(versions))
        for folder in ("catalog", "components", "planner", "policies", "images")
        for path in (PACKAGE_ROOT / folder).rglob("*")
        if path.suffix in (".py", ".md")
        for versions in re.findall(of_a_version, path.read_text())
    }
    assert len(said) > 10
    assert {version for _, version in said} == {VERSION.rpartition(".")[0]}, sorted(said)
