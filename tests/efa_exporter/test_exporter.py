"""The exporter as its pod runs it, on a sysfs tree of files: scraped through HTTP."""

import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from efa_exporter import exporter

SAMPLE = re.compile(r'(\w+)(?:\{device="([\w.-]+)",port="(\d+)"\})? (\d+)')

Samples = dict[tuple[str, ...], int]
Scrape = Callable[[], str]


def make_device(sysfs: Path, name: str, vendor: str, counters: dict[str, int]) -> Path:
    """One device as the kernel shows it: a link in `class` to a folder in `devices`."""
    function = sysfs / "devices" / "pci0000:10" / f"function of {name}"
    device = function / "infiniband" / name
    folder = device / "ports" / "1" / "hw_counters"
    folder.mkdir(parents=True)
    for counter, value in counters.items():
        (folder / counter).write_text(f"{value}\n")
    (function / "vendor").write_text(f"{vendor}\n")
    (device / "device").symlink_to("../..")
    shown = sysfs / "class" / "infiniband"
    shown.mkdir(parents=True, exist_ok=True)
    (shown / name).symlink_to(f"../../{device.relative_to(sysfs)}")
    return folder


def counters_of(first: int) -> dict[str, int]:
    return {counter: first + index for index, counter in enumerate(exporter.COUNTERS)}


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """Two EFA devices, and one of somebody else."""
    make_device(tmp_path, "rdmap16s27", "0x1d0f", {**counters_of(100), "lifespan": 12})
    make_device(tmp_path, "rdmap32s27", "0x1d0f", counters_of(200))
    make_device(tmp_path, "mlx5_0", "0x15b3", counters_of(900))
    return tmp_path


@pytest.fixture
def process(sysfs: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The running exporter and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(exporter.__file__).read_text()
    command = [sys.executable, "-I", "-S", "-c", program]
    with subprocess.Popen(
        [*command, sysfs / "class" / "infiniband", str(port)], stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running, f"http://127.0.0.1:{port}"
        finally:
            running.kill()


@pytest.fixture
def scrape(process: tuple[subprocess.Popen[str], str]) -> Scrape:
    _, address = process

    def once() -> str:
        with urllib.request.urlopen(f"{address}/metrics", timeout=5) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            text: str = answer.read().decode()
            return text

    deadline = time.monotonic() + 10
    while True:
        try:
            once()
        except urllib.error.URLError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return once


def samples(text: str) -> Samples:
    """Values by name, device and port."""
    found: Samples = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, device, port, value = match.groups()
            found[(name,) if device is None else (name, device, port)] = int(value)
    return found


def test_every_counter_of_every_efa_device_is_there_and_nothing_else(scrape: Scrape) -> None:
    expected: Samples = {
        (f"efa_{counter}_total", device, "1"): first + index
        for device, first in (("rdmap16s27", 100), ("rdmap32s27", 200))
        for index, counter in enumerate(exporter.COUNTERS)
    }
    assert samples(scrape()) == {("efa_devices",): 2} | expected


def test_what_is_said_of_the_metrics_is_what_is_exported(scrape: Scrape) -> None:
    text = scrape()
    assert set(exporter.METRICS) == {name for name, *_ in samples(text)}
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
    assert kinds == {name: kind for name, (kind, _) in exporter.METRICS.items()}


def test_promtool_finds_no_fault(scrape: Scrape, promtool: Path) -> None:
    result = subprocess.run(
        [promtool, "check", "metrics"], input=scrape(), capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_counters_are_read_anew_at_every_scrape(scrape: Scrape, sysfs: Path) -> None:
    scrape()
    counter = sysfs / "class/infiniband/rdmap16s27/ports/1/hw_counters/tx_bytes"
    counter.write_text("18446744073709551615\n")
    assert samples(scrape())["efa_tx_bytes_total", "rdmap16s27", "1"] == 2**64 - 1


def gone(counter: Path) -> None:
    counter.unlink()


def fails_while_it_is_read(counter: Path) -> None:
    counter.unlink()
    # Opens, and ends every read at its start with an I/O error.
    counter.symlink_to("/proc/self/mem")


def no_number(counter: Path) -> None:
    counter.write_text("<not counted>\n")


@pytest.mark.parametrize("break_counter", [gone, fails_while_it_is_read, no_number])
def test_a_counter_that_cannot_be_read_costs_itself_alone(
    scrape: Scrape, sysfs: Path, break_counter: Callable[[Path], None]
) -> None:
    before = samples(scrape())
    break_counter(sysfs / "class/infiniband/rdmap16s27/ports/1/hw_counters/rx_drops")
    after = samples(scrape())
    assert before.keys() - after.keys() == {("efa_rx_drops_total", "rdmap16s27", "1")}
    assert after.items() <= before.items()


def test_a_device_that_is_gone_is_counted_no_more(scrape: Scrape, sysfs: Path) -> None:
    scrape()
    (sysfs / "class/infiniband/rdmap16s27").resolve().rename(sysfs / "elsewhere")
    after = samples(scrape())
    assert after["efa_devices",] == 1
    assert {device for _, device, *_ in (key for key in after if len(key) > 1)} == {"rdmap32s27"}


def test_without_a_folder_of_rdma_devices_there_are_none(tmp_path: Path) -> None:
    assert samples(exporter.exposition(tmp_path / "class" / "infiniband")) == {("efa_devices",): 0}


def test_there_is_no_other_page(scrape: Scrape, process: tuple[subprocess.Popen[str], str]) -> None:
    _, address = process
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{address}/", timeout=5)


def test_it_ends_when_it_is_told_to(
    scrape: Scrape, process: tuple[subprocess.Popen[str], str]
) -> None:
    running, _ = process
    scrape()
    running.terminate()
    assert running.wait(timeout=5) == 0
    assert running.stderr is not None
    assert running.stderr.read() == ""
