"""What a release moves is what stacks have in common; and the digest of the program."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from catalog.project import PROJECT
from gate.stacks import git
from stacks import reading
from stacks.released import IMAGE, MOVED_KEYS, moved_values, program_digest, released
from stacks.settings import Settings
from tests.stacks.changed import LOCAL, changed, local

OF_ONE_STACK = {
    *("account", "arn", "region", "zone", "zones", "cidr", "secret", "nodes", "replicas", "kms"),
    *("min", "max", "desired", "memory", "instance", "bucket", "registry", "url", "usd", "size"),
}
"""Words in names of keys about accounts, sizes, networks and secrets."""


@pytest.mark.parametrize("key", MOVED_KEYS)
def test_a_key_that_moves_is_a_setting_about_what_runs(key: str) -> None:
    section, name = key.split(".")
    field = Settings.model_fields[section].annotation.model_fields[name]  # type: ignore[union-attr]
    assert field.annotation is str
    assert not OF_ONE_STACK & set(name.split("_")), key
    assert not any(name.endswith(end) for end in ("_arn", "_arns", "_secret", "_cidrs"))


def test_the_words_are_of_keys_that_there_are() -> None:
    """Else the test above would find nothing."""
    names = {
        word
        for section in Settings.model_fields.values()
        for name in getattr(section.annotation, "model_fields", {})
        for word in name.split("_")
    }
    assert {"account", "zone", "cidr", "secret", "nodes", "replicas", "registry"} <= names


def test_of_an_image_the_digest_alone_moves() -> None:
    digest = f"sha256:{'4' * 64}"
    for repository in ("vllm/vllm-openai", "registry.example.com:5000/a/b"):
        settings = local(model_server={"image": f"{repository}@{digest}"})
        assert moved_values(settings)[IMAGE] == digest


def test_every_key_that_moves_has_a_value_even_at_its_default() -> None:
    values = moved_values(local())
    assert list(values) == list(MOVED_KEYS)
    assert all(values.values())
    assert "keda" not in json.dumps(changed({})[f"{PROJECT}:charts"]), "it is at its default here"


def test_what_differs_between_stacks_is_not_in_what_is_released() -> None:
    one = released(local())
    other = released(
        local(
            aws={"account_id": "210987654321"},
            gpu_node_group={"max_nodes": 4},
            model_server={"replicas": 2, "image": f"other/image@sha256:{'3' * 64}"},
        )
    )
    assert one == other


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Of one small file of each kind."""
    root = tmp_path / "program"
    for name in (
        *("Pulumi.yaml", "__main__.py", "uv.lock", "README.md"),
        *("catalog/prices.py", "catalog/dcgm.csv", "catalog/charts/keda.json"),
        *("components/a.py", "efa_exporter/exporter.py", "expert_metrics/a.py"),
        *("policies/cost/a.py", "stacks/reading.py", "stacks/Pulumi.dev.yaml"),
    ):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"of {name}\n")
    return root


@pytest.mark.parametrize(
    "name",
    [
        *("Pulumi.yaml", "__main__.py", "uv.lock", "catalog/prices.py", "catalog/dcgm.csv"),
        *("catalog/charts/keda.json", "components/a.py", "efa_exporter/exporter.py"),
        *("expert_metrics/a.py", "policies/cost/a.py", "stacks/reading.py"),
    ],
)
def test_it_changes_with_every_file_of_the_program(program: Path, name: str) -> None:
    before = program_digest(program)
    file = program / name
    text = file.read_text()
    file.write_text(f"{text} ")
    assert program_digest(program) != before
    file.write_text(text)
    assert program_digest(program) == before
    file.rename(file.with_name(f"x{file.name}"))
    assert program_digest(program) != before


def test_it_changes_with_a_new_file_and_with_where_a_file_lies(program: Path) -> None:
    before = program_digest(program)
    (program / "components" / "b.py").write_text("")
    new = program_digest(program)
    assert new != before
    (program / "policies" / "b.py").write_text((program / "components" / "b.py").read_text())
    (program / "components" / "b.py").unlink()
    assert program_digest(program) not in (before, new)


@pytest.mark.parametrize(
    "name",
    [
        *("stacks/Pulumi.dev.yaml", "stacks/Pulumi.new.yaml", "stacks/dev.env", "README.md"),
        *("catalog/__pycache__/prices.cpython-311.pyc", "catalog/.hidden.py"),
        *("components/.cache/x.py", "releases/1.json", ".venv/lib/a.py", "tests/test_a.py"),
        *("cli/main.py", "promotion/judge.py"),
    ],
)
def test_it_stays_with_what_is_of_one_stack_or_no_part_of_the_program(
    program: Path, name: str
) -> None:
    before = program_digest(program)
    file = program / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("changed\n")
    assert program_digest(program) == before


def test_it_is_the_same_in_another_folder_at_another_time(program: Path, tmp_path: Path) -> None:
    # A folder whose own path is hidden, as a cache's is.
    copied = tmp_path / ".cache" / "copied"
    shutil.copytree(program, copied, copy_function=shutil.copyfile)
    assert program_digest(copied) == program_digest(program)


def test_it_is_the_same_for_the_tree_and_for_an_archive_of_its_commit(
    program: Path, tmp_path: Path
) -> None:
    for words in (
        ("init", "--quiet"),
        ("add", "--all"),
        ("-c", "user.name=A", "-c", "user.email=a@b", "commit", "--quiet", "-m", "x"),
    ):
        subprocess.run(["git", *words], cwd=program, check=True)  # noqa: S607
    (program / "catalog" / "__pycache__").mkdir()
    (program / "catalog" / "__pycache__" / "a.pyc").write_text("x")
    extracted = tmp_path / "extracted"
    extracted.mkdir()
    git.extract(program, "HEAD", extracted)
    assert program_digest(extracted) == program_digest(program)


def test_what_stands_in_a_stack_file_is_valid_for_every_stack() -> None:
    """All stacks of this repository can be released."""
    for stack in reading.stack_names():
        assert released(reading.from_file(stack)).model in LOCAL.read_text()
