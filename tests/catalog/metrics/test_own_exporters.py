"""The lists of our own exporters say what these really export."""

from pathlib import Path

from catalog.metrics import exported
from efa_exporter.exporter import METRICS, exposition
from expert_metrics.exporter import Exporter, Worker


def test_the_efa_exporter(tmp_path: Path) -> None:
    listed = {m.name: m for m in exported().values() if m.source == "efa_exporter"}
    assert {name: metric.type for name, metric in listed.items()} == {
        name: kind for name, (kind, _) in METRICS.items()
    }
    counters = tmp_path / "rdmap0" / "ports" / "1" / "hw_counters"
    counters.mkdir(parents=True)
    (tmp_path / "rdmap0" / "device").mkdir()
    (tmp_path / "rdmap0" / "device" / "vendor").write_text("0x1d0f")
    (counters / "tx_bytes").write_text("7")
    assert 'efa_tx_bytes_total{device="rdmap0",port="1"} 7' in exposition(tmp_path)
    assert listed["efa_tx_bytes_total"].labels >= {"device", "port", "node"}


def test_the_plugin_that_counts_tokens_per_expert() -> None:
    worker = Worker("mixtral", pp_rank=0, dp_rank=0)
    exporter = Exporter(worker, [], 0, read=list, interval_s=10)
    types = {family.name: family.type for family in exporter.collect()}
    listed = {m.name: m for m in exported().values() if m.source == "expert_metrics"}
    # prometheus_client exposes a counter's samples with the suffix.
    assert {name.removesuffix("_total"): m.type for name, m in listed.items()} == types
