"""The lists of our own exporters say what these really export."""

from pathlib import Path

from catalog.metrics import exported
from efa_exporter.exporter import METRICS, exposition


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
