"""The entries of the catalogue, and a model's own arithmetic."""

import json
from pathlib import Path

import pytest

from catalog import models
from catalog.models import ENTRIES, MODELS, Quantization, entries_in, entry_file, model
from tests.catalog.example_models import MIXTRAL_8X7B, QWEN_0_6B


@pytest.mark.parametrize("name", MODELS)
def test_an_entry_is_in_the_file_of_its_name_as_it_would_be_written(name: str) -> None:
    text = (ENTRIES / entry_file(name)).read_text()
    assert text == MODELS[name].model_dump_json(indent=2, exclude_defaults=True) + "\n"


def test_every_file_is_an_entry() -> None:
    assert {file.name for file in ENTRIES.iterdir()} == {entry_file(name) for name in MODELS}


def test_the_smallest_is_first() -> None:
    sizes = [entry.parameters for entry in MODELS.values()]
    assert sizes == sorted(sizes)


def test_unknown_model_names_what_exists() -> None:
    with pytest.raises(ValueError, match=r"'x'.*Mixtral-8x7B.*`moe model add`"):
        model("x")


def test_one_more_file_is_one_more_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {**json.loads((ENTRIES / entry_file(MIXTRAL_8X7B.name)).read_text()), "name": "a/b"}
    (tmp_path / "a--b.json").write_text(json.dumps(entry))
    monkeypatch.setattr(models, "MODELS", entries_in(tmp_path))
    assert model("a/b").parameters == MIXTRAL_8X7B.parameters


def test_quantized_weights_are_smaller_and_embeddings_are_not() -> None:
    awq = Quantization(method="awq", bits=4, group_size=128)
    small = MIXTRAL_8X7B.model_copy(update={"quantization": awq})
    # 4 bits, 16 of scale and 4 of zero point for 128 of them.
    assert small.bytes_per_parameter == pytest.approx(0.5 + 2.5 / 128)
    embeddings = 2 * 32000 * 4096
    routers = 32 * 8 * 4096
    matrices = small.parameters - embeddings - routers
    assert small.weights_bytes == pytest.approx(
        2 * (embeddings + routers) + matrices * (0.5 + 2.5 / 128)
    )


def test_scales_of_whole_columns_count_for_nothing() -> None:
    gptq = Quantization(method="gptq", bits=8, group_size=None)
    assert gptq.bytes_per_parameter == 1


def test_tied_embeddings_count_once() -> None:
    untied = QWEN_0_6B.model_copy(update={"tied_embeddings": False})
    assert untied.parameters - QWEN_0_6B.parameters == 151936 * 1024
    assert untied.weights_bytes - QWEN_0_6B.weights_bytes == 2 * 151936 * 1024
