"""`moe model` as a person or a script calls it."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from catalog import models
from catalog.instance_types import INSTANCE_TYPES
from catalog.models import MODELS, entries_in
from cli import exit_codes, model
from stacks import reading
from tests.catalog.configs import CONFIGS, DEEPSEEK_V2_LITE, Config

QWEN = "Qwen/Qwen3-30B-A3B"
REVISION = "ad44e777bcd18fa416d9da3bd8f70d33ebb85d39"
KEYS = ["error", "problems", "file", "written", "model", "fits", "remarks"]


@pytest.fixture(autouse=True)
def entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test here writes into the catalogue of this checkout."""
    folder = tmp_path / "entries"
    folder.mkdir()
    monkeypatch.setattr(models, "ENTRIES", folder)
    return folder


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return _written(tmp_path, CONFIGS[QWEN])


def _written(folder: Path, content: Config) -> Path:
    file = folder / "config.json"
    file.write_text(json.dumps(content))
    return file


def run(*arguments: str) -> Result:
    return CliRunner().invoke(model.app, list(arguments))


def add(config: Path, *more: str, name: str = QWEN, revision: str = REVISION) -> Result:
    return run("add", str(config), "--name", name, "--revision", revision, *more)


def test_an_entry_is_written_and_shown(config: Path, entries: Path) -> None:
    result = add(config)
    assert result.exit_code == exit_codes.DONE
    lines = result.stdout.splitlines()
    assert "  parameters: 30.5 B, 3.4 B active; compare with the model's card" in lines
    assert "  weights: 56.9 GiB" in lines
    assert "  expert parallelism: possible" in lines
    (place,) = [line for line in lines if "p4de.24xlarge  layout: TP 2 " in line]
    assert place.endswith("max_model_len for 8 sequences: 40960")
    (place,) = [line for line in lines if "p4d.24xlarge  layout: TP 1 " in line]
    assert place.endswith("does not fit")
    assert [file.name for file in entries.iterdir()] == ["Qwen--Qwen3-30B-A3B.json"]


def test_settings_take_a_model_that_was_added(
    config: Path, entries: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert add(config).exit_code == exit_codes.DONE
    monkeypatch.setattr(models, "MODELS", entries_in(entries))
    path = reading.stack_file("local")
    stack = dict(reading.config_of(path))
    server = stack["moe-serving:model_server"]
    stack["moe-serving:model_server"] = {**server, "model": QWEN, "revision": REVISION}
    fit = reading.validated(stack, path).memory_fit()
    assert fit.fits
    assert fit.model.name == QWEN


def test_one_document_with_json(config: Path, entries: Path) -> None:
    document = json.loads(add(config, "--gated", "--json").stdout)
    assert list(document) == KEYS
    assert document["error"] is None
    assert document["written"] is True
    assert document["file"] == str(entries / "Qwen--Qwen3-30B-A3B.json")
    assert document["model"]["gated"] is True
    assert document["model"]["parameters"] == 30531911680
    assert {fit["instance_type"] for fit in document["fits"]} == set(INSTANCE_TYPES)


def test_the_same_again_is_nothing_to_do(config: Path, entries: Path) -> None:
    add(config)
    before = (entries / "Qwen--Qwen3-30B-A3B.json").stat()
    result = add(config)
    assert result.exit_code == exit_codes.NOTHING_TO_DO
    assert "(as it was)" in result.stdout
    after = (entries / "Qwen--Qwen3-30B-A3B.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    document = json.loads(add(config, "--json").stdout)
    assert (document["error"], document["written"]) == (None, False)


def test_something_else_under_the_name_is_replaced_when_told(config: Path, entries: Path) -> None:
    add(config)
    refused = add(config, "--gated")
    assert refused.exit_code == exit_codes.ERROR
    assert "says something else (gated False there, True here)" in refused.stderr
    assert not entries_in(entries)[QWEN].gated
    assert add(config, "--gated", "--replace").exit_code == exit_codes.DONE
    assert entries_in(entries)[QWEN].gated


def test_what_makes_figures_err_is_said(tmp_path: Path) -> None:
    name = "mistralai/Mistral-7B-v0.1"
    result = add(_written(tmp_path, CONFIGS[name]), name=name)
    assert result.exit_code == exit_codes.DONE
    assert "sliding_window 4096" in result.stdout
    assert "expert parallelism: no experts" in result.stdout


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (json.dumps(DEEPSEEK_V2_LITE), "kv_lora_rank 512 is not allowed; allowed: none: latent"),
        ("{", "is not JSON: "),
        ("[1]", "is not a config.json"),
        ("\x00\xff", "is not JSON: "),
        (
            json.dumps({**CONFIGS[QWEN], "architectures": ["Qwen3MoForCausalLM"]}),
            "did you mean Qwen3MoeForCausalLM or Qwen3ForCausalLM?",
        ),
        (json.dumps({**CONFIGS[QWEN], "num_experts": None}), "num_experts: missing"),
    ],
)
def test_one_message_for_a_file_that_is_not_understood(
    tmp_path: Path, entries: Path, content: str, says: str
) -> None:
    config = tmp_path / "config.json"
    config.write_text(content, encoding="latin-1")
    result = add(config)
    assert result.exit_code == exit_codes.ERROR
    assert len(result.stderr.splitlines()) == 1
    assert str(config) in result.stderr
    assert says in result.stderr
    assert not list(entries.iterdir())


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = add(tmp_path / "config.json", "--json")
    assert result.exit_code == exit_codes.ERROR
    document = json.loads(result.stdout)
    assert list(document) == KEYS
    assert document["error"].endswith("config.json cannot be read: No such file or directory")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"revision": "main"}, "revision main is not allowed; allowed: the 40 hexadecimal"),
        ({"name": "Qwen3-30B-A3B"}, "name Qwen3-30B-A3B is not allowed; allowed: org/model"),
    ],
)
def test_name_and_revision(config: Path, changes: dict[str, str], says: str) -> None:
    result = add(config, **changes)
    assert result.exit_code == exit_codes.ERROR
    assert says in result.stderr


def test_a_folder_that_cannot_be_written(
    config: Path, entries: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*arguments: object, **words: object) -> Any:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", read_only)
    result = add(config)
    assert result.exit_code == exit_codes.ERROR
    assert f"{entries} cannot be written: Read-only file system" in result.stderr
    assert "in a checkout of your own" in result.stderr


def test_list_shows_what_is_there() -> None:
    result = run("list")
    assert result.exit_code == exit_codes.DONE
    lines = result.stdout.splitlines()
    assert lines[0] == "Models"
    assert len(lines) == 1 + len(MODELS)
    (mixtral,) = [line for line in lines if "Mixtral-8x7B-Instruct-v0.1 " in line]
    assert mixtral.split("  ")[2:] == [
        "revision: eba92302a286",
        "parameters: 46.7 B",
        "active: 12.9 B",
        "weights: 87.0 GiB",
        "gated: no",
        "EPLB: yes",
        "p4d.24xlarge: TP 4",
        "p4de.24xlarge: TP 2",
    ]


def test_list_as_a_document() -> None:
    document = json.loads(run("list", "--json").stdout)
    assert list(document) == ["error", "problems", "models"]
    (dbrx,) = [each for each in document["models"] if each["name"] == "databricks/dbrx-instruct"]
    assert dbrx["gated"] is True
    assert dbrx["eplb"] is False
    assert dbrx["least_layouts"] == {"p4d.24xlarge": "TP 8 x PP 2", "p4de.24xlarge": "TP 8"}


def test_help_has_an_example() -> None:
    assert "Example: .venv/bin/moe model add config.json" in run("add", "--help").output
    assert "Example: .venv/bin/moe model list" in run("list", "--help").output
