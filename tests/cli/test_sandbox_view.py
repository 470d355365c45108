"""What is shown where no terminal is, and the picture of what a terminal shows."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from catalog.memory_fit import MemoryFit
from cli.answer import CommandError
from cli.sandbox_view import save_picture, show_next, show_summary
from sandbox.summary import AlertRule, GpuNode, ServedModel, Summary
from stacks import reading

ALERTS = tuple(f"AnAlertWithAVeryLongName{number}" for number in range(10))


def fit() -> MemoryFit:
    return reading.from_file("local").memory_fit()


def summary() -> Summary:
    return Summary(
        gpu_nodes=(GpuNode("ip-10-0-0-1.ec2.internal", "gpu", "p4d", "a", True, 8, 4),),
        models=(ServedModel("m", "org/[m]", "v@sha256:0", 1, 1, 8, "640Gi", 1, fit()),),
        rules=(AlertRule("monitoring", "alerts", "some.rules", ALERTS),),
    )


def lines() -> list[str]:
    file = io.StringIO()
    console = Console(file=file, highlight=False, width=80)
    show_summary(console, summary(), 78)
    show_next(console)
    return file.getvalue().splitlines()


def test_no_terminal_no_folding() -> None:
    assert (
        f"  rule: monitoring/alerts  group: some.rules  count: 10  alerts: {', '.join(ALERTS)}"
        in lines()
    )


def test_a_property_is_a_name_and_its_value() -> None:
    assert "  model: org/[m]" in lines()
    assert "  GPUs: 8 a pod, pods of an engine: 1 (TP 8)" in lines()


def test_no_command_of_the_next_ones_is_folded() -> None:
    assert "78 resources in stack local" in lines()
    assert lines()[-1] == "  make down  # remove all of it"


def test_the_folder_of_a_picture_is_made(tmp_path: Path) -> None:
    picture = tmp_path / "missing" / "folder" / "x.svg"
    save_picture(picture, summary(), 78)
    assert picture.read_text().startswith("<svg")


def test_a_picture_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    picture = tmp_path / "file" / "x.svg"
    with pytest.raises(CommandError, match=f"{picture} cannot be written: "):
        save_picture(picture, summary(), 78)
