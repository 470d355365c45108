"""The packages of an extracted program: the checkout's, or by the real uv what it pins itself."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from durable.places import PACKAGE_ROOT
from promotion.packages import provide


@pytest.fixture(scope="module")
def uv() -> Path:
    found = shutil.which("uv") or shutil.which("uv", path=PACKAGE_ROOT / ".uv" / "bin")
    if found is None:
        pytest.skip("uv is not on PATH, and not in the checkout")
    return Path(found)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is asked of an index, no interpreter is fetched, and no setting of the user counts.

    Settings of `uv`: they reach it through the environment, which `provide` hands on.
    """
    for name, value in (
        ("UV_OFFLINE", "1"),
        ("UV_NO_CONFIG", "1"),
        ("UV_PYTHON_DOWNLOADS", "never"),
        ("UV_PYTHON", sys.executable),
        ("UV_CACHE_DIR", str(tmp_path / "cache")),
    ):
        monkeypatch.setenv(name, value)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with packages."""
    (tmp_path / "root" / ".venv").mkdir(parents=True)
    (tmp_path / "root" / "uv.lock").write_text("the lock of the checkout\n")
    return tmp_path / "root"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "program").mkdir()
    return tmp_path / "program"


def wheel(folder: Path, name: str) -> str:
    """The smallest that there is; nothing is asked of an index."""
    file = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}.py", "VERSION = 1\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return file.name


@pytest.fixture
def pinned(program: Path, uv: Path) -> Path:
    """A program that pins a package, and another one for its development."""
    one, other = wheel(program, "pinned"), wheel(program, "forbidden")
    (program / "pyproject.toml").write_text(
        "[project]\n"
        'name = "program-of-a-release"\nversion = "1"\nrequires-python = ">=3.11"\n'
        'dependencies = ["pinned"]\n'
        '[dependency-groups]\ndev = ["forbidden"]\n'
        "[tool.uv.sources]\n"
        f'pinned = {{ path = "{one}" }}\nforbidden = {{ path = "{other}" }}\n'
    )
    subprocess.run([uv, "lock", "--quiet", "--offline"], cwd=program, check=True)
    return program


def test_where_both_pin_the_same_the_packages_are_those_of_the_checkout(
    root: Path, program: Path
) -> None:
    shutil.copy(root / "uv.lock", program)
    assert provide(root, program) == ""
    assert (program / ".venv").resolve() == (root / ".venv").resolve()


def test_a_checkout_without_an_environment_gives_none(root: Path, program: Path) -> None:
    """The program then runs on what Pulumi finds, as the checkout does."""
    shutil.copy(root / "uv.lock", program)
    (root / ".venv").rmdir()
    assert provide(root, program) == ""
    assert not (program / ".venv").is_symlink()


def test_no_lock_on_both_sides_is_the_same(root: Path, program: Path) -> None:
    (root / "uv.lock").unlink()
    assert provide(root, program) == ""
    assert (program / ".venv").is_symlink()


def test_other_pins_are_installed_beside_the_program(
    root: Path, pinned: Path, uv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{uv.parent}{os.pathsep}{os.environ['PATH']}")
    assert provide(root, pinned) == ""
    assert not (pinned / ".venv").is_symlink()
    assert list((root / ".venv").iterdir()) == []
    python = pinned / ".venv" / "bin" / "python"
    said = subprocess.run(
        [python, "-c", "import pinned; print(pinned.VERSION); import forbidden"],
        cwd=root,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.stdout == "1\n"
    assert "No module named 'forbidden'" in said.stderr


def test_uv_of_the_checkout_is_found_without_path(
    root: Path, pinned: Path, uv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(pinned))
    (root / ".uv" / "bin").mkdir(parents=True)
    (root / ".uv" / "bin" / "uv").symlink_to(uv)
    assert provide(root, pinned) == ""
    assert (pinned / ".venv" / "bin" / "python").exists()


def test_the_environment_that_this_runs_in_stays_as_it_is(
    root: Path, pinned: Path, uv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`uv` would install there, and remove what is not pinned."""
    monkeypatch.setenv("PATH", f"{uv.parent}{os.pathsep}{os.environ['PATH']}")
    ours = pinned.parent / "ours"
    subprocess.run([uv, "venv", "--quiet", ours], check=True)
    package = next(ours.glob("lib/python*/site-packages")) / "kept.py"
    package.write_text("VERSION = 1\n")
    before = sorted(ours.rglob("*"))
    monkeypatch.setenv("UV_PROJECT_ENVIRONMENT", str(ours))
    monkeypatch.setenv("VIRTUAL_ENV", str(ours))
    assert provide(root, pinned) == ""
    assert sorted(ours.rglob("*")) == before
    assert list((pinned / ".venv").glob("lib/python*/site-packages/pinned.py"))


def test_without_uv_it_says_so(root: Path, pinned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(pinned))
    assert "uv is not on PATH" in provide(root, pinned)


def test_a_lock_that_is_not_of_the_program_is_told_in_the_words_of_uv(
    root: Path, pinned: Path, uv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{uv.parent}{os.pathsep}{os.environ['PATH']}")
    project = pinned / "pyproject.toml"
    project.write_text(project.read_text().replace('["pinned"]', "[]"))
    why = provide(root, pinned)
    assert why.startswith("the packages that the release pins cannot be installed: ")
    assert "lock" in why.partition(": ")[2]
