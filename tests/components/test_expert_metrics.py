"""The plugin as a ConfigMap puts it into a pod: found, imported, and the same as a wheel."""

import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import resources
from pathlib import Path

import pytest

from components.expert_metrics import ExpertMetrics, files

_LOAD = (
    "from importlib.metadata import entry_points;"
    " (point,) = entry_points(group='vllm.general_plugins');"
    " print(point.name, point.value, point.dist.version); point.load()()"
)


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    """As the kubelet lays it out: folders are links into a folder of one revision."""
    mount = tmp_path / "mount"
    mount.mkdir()
    revision = mount / "..2026_11_25"
    for path, text in files().values():
        file = revision / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        top = path.partition("/")[0]
        if not (mount / top).exists():
            (mount / top).symlink_to(Path("..data") / top)
        if not (mount / "..data").exists():
            (mount / "..data").symlink_to(revision.name)
    return mount


def test_python_finds_the_entry_point_and_it_does_no_harm_without_vllm(
    mounted: Path, tmp_path: Path
) -> None:
    result = subprocess.run(
        [sys.executable, "-c", _LOAD],
        env={"PYTHONPATH": str(mounted)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == [
        "moe_expert_metrics",
        "expert_metrics.plugin:register",
        "0.1.0",
    ]
    assert "it stays off" in result.stderr


def test_a_wheel_has_the_same_modules_and_entry_point(tmp_path: Path) -> None:
    source = str(resources.files("expert_metrics"))
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=source,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        contents = {name: archive.read(name).decode() for name in archive.namelist()}
    for path, text in files().values():
        if path.endswith(".py"):
            assert contents[path] == text
        if path.endswith("entry_points.txt"):
            assert contents[path].split() == text.split()
    assert {name for name in contents if name.endswith(".py")} == {
        path for path, _ in files().values() if path.endswith(".py")
    }


def test_it_needs_nothing_that_vllm_does_not_bring() -> None:
    project = tomllib.loads((resources.files("expert_metrics") / "pyproject.toml").read_text())
    assert "dependencies" not in project["project"]
    imported = {
        name
        for path, text in files().values()
        if path.endswith(".py")
        for name in re.findall(r"^\s*(?:from|import) (\w+)", text, re.MULTILINE)
    }
    assert imported - sys.stdlib_module_names == {
        "expert_metrics",
        "prometheus_client",
        "torch",
        "vllm",
    }


def test_keys_and_names_are_those_that_kubernetes_takes() -> None:
    assert all(re.fullmatch(r"[-._a-zA-Z0-9]+", key) for key in files())
    added = ExpertMetrics("mixtral", "mixtral-experts-0", data_parallel_size=8)
    # Of a port: at most 15 of a-z, 0-9 and -.
    names = [str(port.name) for port in added.container_ports()]
    assert all(re.fullmatch(r"[a-z0-9-]{1,15}", name) for name in names)
    assert len(set(added.ports)) == len(names) == 8
    assert 8000 not in added.ports
