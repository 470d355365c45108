"""Counters of the EFA devices of one node: sysfs in, Prometheus text out.

node_exporter does not read them (node_exporter#3670). This file is a program of its own on
nothing but Python's library: `components/efa_exporter.py` hands its text to `python3 -c`.

    python3 exporter.py /sys/class/infiniband 9810
"""

import signal
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COUNTERS = {
    "tx_bytes": "Bytes sent.",
    "tx_pkts": "Packets sent.",
    "rx_bytes": "Bytes received.",
    "rx_pkts": "Packets received.",
    "rx_drops": "Packets received and dropped.",
    "send_bytes": "Bytes of send operations.",
    "send_wrs": "Send operations.",
    "recv_bytes": "Bytes received from send operations.",
    "recv_wrs": "Receive operations.",
    "rdma_read_bytes": "Bytes received by RDMA reads.",
    "rdma_read_wrs": "RDMA reads.",
    "rdma_read_wr_err": "RDMA reads that failed, here or at the other end.",
    "rdma_read_resp_bytes": "Bytes sent in answer to RDMA reads.",
}
"""Files in `<device>/ports/<port>/hw_counters` that count on a p4d or p4de (Nitro v3), and what
each counts. Retransmissions, unresponsive and impaired peers are counted from Nitro v4 on, and
neither type can RDMA write (EC2 user guide, "Monitor an EFA", "Supported instance types")."""

METRICS = {
    "efa_devices": ("gauge", "EFA devices of this node."),
    **{f"efa_{counter}_total": ("counter", what) for counter, what in COUNTERS.items()},
}
"""Name, type and help of all that is exported; counters have labels `device` and `port`."""

_AMAZON = "0x1d0f"
"""PCI vendor. Among RDMA devices that is EFA; ENA has no RDMA."""


def exposition(devices: Path) -> str:
    """All metrics in Prometheus' text format; a counter that cannot be read is left out.

    `devices` is sysfs's folder of RDMA devices; without one there are 0 devices.
    """
    found = [each for each in _entries(devices) if _read(each / "device" / "vendor") == _AMAZON]
    lines = [*_header("efa_devices"), f"efa_devices {len(found)}"]
    for counter in COUNTERS:
        name = f"efa_{counter}_total"
        lines += [*_header(name), *_samples(name, counter, found)]
    return "\n".join(lines) + "\n"


def _header(name: str) -> tuple[str, str]:
    kind, what = METRICS[name]
    return f"# HELP {name} {what}", f"# TYPE {name} {kind}"


def _samples(name: str, counter: str, devices: list[Path]) -> Iterator[str]:
    for device in devices:
        for port in _entries(device / "ports"):
            value = _read(port / "hw_counters" / counter)
            if value is not None and value.isdigit():
                yield f'{name}{{device="{device.name}",port="{port.name}"}} {value}'


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _read(file: Path) -> str | None:
    """A device that is reset takes its files along, also while one is read."""
    try:
        return file.read_text().strip()
    except OSError:
        return None


class _Scrape(BaseHTTPRequestHandler):
    devices: Path
    timeout = 10

    def do_GET(self) -> None:
        if self.path != "/metrics":
            self.send_error(404)
            return
        body = exposition(self.devices).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """A scrape is no news."""


def _main() -> None:
    devices, port = sys.argv[1:]
    _Scrape.devices = Path(devices)
    # The first process of a container dies of no signal that it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ThreadingHTTPServer(("", int(port)), _Scrape).serve_forever()


if __name__ == "__main__":
    _main()
