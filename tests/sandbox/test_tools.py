"""The builder of pinned tools, on a small Go module of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from durable.locks import held_lock
from durable.places import PACKAGE_ROOT, cache_root
from sandbox.reporter import PlainReporter, SilentReporter
from sandbox.toolchain import ensure, pins
from sandbox.toolchain.ensure import Tools, ensure_tools, missing_tools
from sandbox.toolchain.go_build import BuildError, GoMissingError
from sandbox.toolchain.keda_sources import cut_sources
from sandbox.toolchain.pins import (
    GoModule,
    Tool,
    actionlint_module,
    go_modules,
    keda_module,
    prometheus_module,
)

SLOW_BUILD = "package main\n\nfunc main() { println(`v1.2.3`) }\n"


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GoModule:
    """A module with one tool, the only one there is; caches of its own."""
    folder = tmp_path / "modules" / "kwok"
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text("module small/cmd/kwok\n\ngo 1.22\n")
    (folder / "go.sum").write_text("")
    (folder / "main.go").write_text(SLOW_BUILD)
    monkeypatch.setattr(pins, "MODULES", tmp_path / "modules")
    monkeypatch.setenv("MOE_CACHE_DIR", str(tmp_path / "cache"))
    module = GoModule("kwok", (Tool("kwok", ".", ("--version",)),))
    monkeypatch.setattr(ensure, "go_modules", lambda: (module,))
    monkeypatch.setattr(ensure, "_EXTRAS", {})
    monkeypatch.setattr(ensure, "path_versions", lambda: {"kwok": "1.2.3"})
    return module


def build(module: GoModule) -> Path:
    return ensure._ensure_module(module, SilentReporter())["kwok"]


def test_nothing_is_missing_after_ensure(tools: Tools) -> None:
    assert missing_tools() == ()
    begun = time.monotonic()
    assert ensure_tools(SilentReporter()) == tools
    assert time.monotonic() - begun < 2


def test_every_tool_tells_the_pinned_version(tools: Tools) -> None:
    answer = subprocess.run([tools.pulumi, "version"], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == pins.pinned_version("engine", "github.com/pulumi/pulumi/pkg/v3")
    names = {path.name for path in tools.monitoring_crds_folder.glob("*.yaml")}
    assert "monitoring.coreos.com_prometheusrules.yaml" in names
    assert len(names) == 7
    assert len(list(tools.kwok_stages_folder.glob("*.yaml"))) == 5
    answer = subprocess.run(
        [tools.lws_controller_manager, "--version"], capture_output=True, text=True, check=True
    )
    assert pins.pinned_version("kwok", "sigs.k8s.io/lws") in answer.stdout
    assert "tag: v" in (tools.lws_chart_folder / "values.yaml").read_text()
    assert tools.keda is None


def test_build_lands_whole_and_is_used_again(small: GoModule) -> None:
    tool = build(small)
    assert subprocess.run([tool], capture_output=True, check=True).stderr == b"v1.2.3\n"
    assert sorted(p.name for p in ensure.module_folder(small).iterdir()) == ["bin"]
    built = tool.stat().st_mtime_ns
    assert build(small) == tool
    assert tool.stat().st_mtime_ns == built


def test_changed_pin_builds_anew_beside_the_old(small: GoModule) -> None:
    old = build(small)
    (small.folder / "main.go").write_text(SLOW_BUILD.replace("1.2.3", "1.2.4"))
    new = build(small)
    assert new != old
    assert old.exists()


def test_key_depends_on_all_that_decides() -> None:
    extra = (actionlint_module(), keda_module(), prometheus_module())
    keys = {module.key for module in (*go_modules(), *extra)}
    assert len(keys) == 6
    module = go_modules()[0]
    assert GoModule(module.name, module.tools).key != module.key


def test_tool_on_path_counts_only_in_the_pinned_version(
    small: GoModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "path"
    folder.mkdir()
    mine = folder / "kwok"
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    for told, is_used in (("kwok v1.2.2", False), ("kwok v1.2.3-rc1", False), ("v1.2.3 go1", True)):
        mine.write_text(f"#!/bin/sh\necho {told}\n")
        mine.chmod(0o755)
        assert (ensure._find(small, small.tools[0]) == mine) is is_used


def test_missing_go_is_one_clear_error(small: GoModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.toolchain.go_build.shutil.which", lambda *_, **__: None)
    with pytest.raises(GoMissingError, match=r"Install Go 1\.22 or newer"):
        build(small)


def test_broken_source_says_what_the_compiler_said(small: GoModule) -> None:
    (small.folder / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    with pytest.raises(BuildError, match="undefined: nonsense"):
        build(small)
    assert list(ensure.module_folder(small).iterdir()) == []


_BUILD_ALONE = """
import signal, sys
from pathlib import Path
from sandbox.toolchain import ensure, pins
from sandbox.reporter import PlainReporter
from sandbox.toolchain.pins import GoModule, Tool
pins.MODULES = Path(sys.argv[1])
ensure._EXTRAS = {}
module = GoModule("kwok", (Tool("kwok", "."),))
ensure._ensure_module(module, PlainReporter(sys.stdout))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_build_leaves_no_child_and_no_half_file(
    small: GoModule, tmp_path: Path, number: signal.Signals
) -> None:
    # An empty build cache makes Go compile its whole library first: time enough to interrupt it.
    gocache = tmp_path / "gocache"
    child = subprocess.Popen(
        [sys.executable, "-c", _BUILD_ALONE, str(small.folder.parent)],
        cwd=PACKAGE_ROOT,
        env={**os.environ, "GOCACHE": str(gocache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    family: list[psutil.Process] = []
    deadline = time.monotonic() + 20
    while not family and time.monotonic() < deadline:
        time.sleep(0.2)
        family = psutil.Process(child.pid).children(recursive=True)
    assert family
    child.send_signal(number)
    child.communicate(timeout=20)
    assert child.returncode != 0
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []
    assert list(ensure.module_folder(small).iterdir()) == []
    assert build(small).exists()


def test_second_build_waits_and_says_for_whom(
    small: GoModule, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ensure.module_folder(small)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        lock = folder.with_name(f"{folder.name}.lock")
        with held_lock(lock, "builds kwok", on_wait=lambda _: None):
            entered.set()
            leave.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert entered.wait(5)
    threading.Timer(1.0, leave.set).start()
    ensure._ensure_module(small, PlainReporter(sys.stdout))
    holder.join()
    assert f"waiting: process {os.getpid()} (builds kwok, in " in capsys.readouterr().out


def test_cache_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOE_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_root() == tmp_path / "xdg" / "moe-serving"
    monkeypatch.setenv("MOE_CACHE_DIR", str(tmp_path / "own"))
    assert cache_root() == tmp_path / "own"


def test_a_cut_that_does_not_fit_is_one_clear_error(tmp_path: Path) -> None:
    module = tmp_path / "module"
    (module / "pkg").mkdir(parents=True)
    (module / "go.mod").write_text("module small\n")
    for name in ("kept.go", "removed.go", "kept_test.go"):
        (module / "pkg" / name).write_text('port := ":80"\n')
    recipe = tmp_path / "cut.json"

    def cut(pattern: str, target: str) -> Path:
        edit = {"file": "pkg/kept.go", "pattern": pattern, "by": "127.0.0.1:80"}
        recipe.write_text(
            json.dumps(
                {
                    "folders": ["pkg"],
                    "remove": ["pkg/*.go"],
                    "keep": ["pkg/kept.go"],
                    "edit": [edit],
                }
            )
        )
        cut_sources(recipe, module, tmp_path / target)
        return tmp_path / target

    done = cut(":80", "done")
    assert [file.name for file in (done / "pkg").iterdir()] == ["kept.go"]
    assert (done / "pkg" / "kept.go").read_text() == 'port := "127.0.0.1:80"\n'
    with pytest.raises(BuildError, match=r"pkg/kept\.go of KEDA has no :8080"):
        cut(":8080", "failed")


def test_go_is_there_for_the_builds() -> None:
    assert shutil.which("go") is not None
