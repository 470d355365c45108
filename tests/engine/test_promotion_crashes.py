"""A promotion killed (kill -9) at each of its steps: the same command again ends right."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from promotion.record import Record, applied, open_entry
from promotion.release_store import ReleaseStore
from promotion.verify import problems
from sandbox.lifecycle import start, stop
from sandbox.paths import SandboxPaths
from sandbox.reporter import SilentReporter
from stacks.reading import stack_file
from tests.engine.promotions import Repository, new_repository

CRASHING = """
import importlib, os, signal, sys
module, name, when = sys.argv[1:4]
place = importlib.import_module(module)
real = getattr(place, name)

def crash(*given, **named):
    if when == "after":
        real(*given, **named)
    os.kill(os.getpid(), signal.SIGKILL)

from cli.main import app
setattr(place, name, crash)
app(sys.argv[4:], prog_name="moe")
"""
STEPS = [
    ("promotion.steps", "begin", "before"),
    ("promotion.steps", "begin", "after"),
    ("promotion.steps", "write", "after"),
    ("promotion.carry_out", "commit_here", "after"),
    ("promotion.steps", "end_entry", "before"),
    ("promotion.steps", "up", "after"),
]
PROMOTE = ("promote", "local", "dev", "--yes", "--commit")
WAIT_S = 120.0


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """Stack `dev` runs a first release; each test makes the next one."""
    paths = SandboxPaths(tmp_path_factory.mktemp("sandbox"))
    try:
        sandbox = start(SilentReporter(), paths)
        repository = new_repository(tmp_path_factory.mktemp("tree"), sandbox)
        repository.next_release(0)
        assert repository.moe(*PROMOTE).returncode == 0
        yield repository
    finally:
        stop(purge=True, reporter=SilentReporter(), paths=paths)


@pytest.mark.parametrize(("module", "name", "when"), STEPS)
def test_rerun_ends_right_after_a_kill(
    repository: Repository, module: str, name: str, when: str, request: pytest.FixtureRequest
) -> None:
    release = repository.next_release(1 + STEPS.index((module, name, when)))
    killed = subprocess.run(
        [sys.executable, "-c", CRASHING, module, name, when, *PROMOTE],
        cwd=repository.root,
        env=repository.environment,
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert_readable(repository)
    again = repository.moe(*PROMOTE)
    # Killed after the very last step, nothing is left to do but to say so.
    assert again.returncode in ((0, 3) if name == "up" else (0,)), again.stdout + again.stderr
    assert_ended_right(repository, release)


def test_kill_of_moe_while_pulumi_works(repository: Repository) -> None:
    """Pulumi goes on alone; the rerun waits for nobody, and ends right once it has ended."""
    release = repository.next_release(20)
    moe, pulumi = started_until_up(repository)
    moe.kill()
    moe.wait()
    psutil.wait_procs([pulumi], timeout=WAIT_S)
    assert repository.moe(*PROMOTE).returncode == 0
    assert_ended_right(repository, release)


def test_kill_of_both_while_pulumi_works(repository: Repository) -> None:
    """The lock of the dead `pulumi` is taken away, since its process is gone."""
    release = repository.next_release(21)
    moe, pulumi = started_until_up(repository)
    pulumi.kill()
    moe.kill()
    moe.wait()
    assert_readable(repository)
    again = repository.moe(*PROMOTE)
    assert again.returncode == 0, again.stdout + again.stderr
    assert_ended_right(repository, release)


def test_interrupt_leaves_it_open_and_the_same_command_ends_it(repository: Repository) -> None:
    release = repository.next_release(22)
    moe, _ = started_until_up(repository)
    moe.send_signal(signal.SIGTERM)
    moe.wait(WAIT_S)
    assert moe.returncode == 1
    assert_readable(repository)
    assert repository.moe(*PROMOTE).returncode in (0, 3)
    assert_ended_right(repository, release)


def started_until_up(repository: Repository) -> tuple["subprocess.Popen[bytes]", psutil.Process]:
    """`moe promote` up to where its `pulumi up` holds the stack's lock."""
    moe = subprocess.Popen(
        [sys.executable, "-m", "cli", *PROMOTE],
        cwd=repository.root,
        env=repository.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    locks = repository.sandbox.paths.backend / ".pulumi" / "locks"
    ends = time.monotonic() + WAIT_S
    while time.monotonic() < ends and moe.poll() is None:
        working = [child for child in psutil.Process(moe.pid).children() if is_up(child)]
        if working and any(locks.rglob("*.json")):
            return moe, working[0]
        time.sleep(0.02)
    raise AssertionError(f"pulumi up was never seen; moe ended with {moe.poll()}")


def is_up(process: psutil.Process) -> bool:
    try:
        return process.cmdline()[1:2] == ["up"]
    except psutil.Error:
        # It has just ended.
        return False


def assert_readable(repository: Repository) -> None:
    """Whatever the kill left: settings, record and releases can all be read."""
    releases = ReleaseStore(repository.root)
    assert list(releases)
    assert not problems(repository.root, "dev", None, releases)
    assert stack_file("dev", repository.root / "stacks").read_text().startswith("# ")


def assert_ended_right(repository: Repository, release: str) -> None:
    record = Record(repository.root, "dev")
    assert open_entry(record) is None
    assert applied(record)[-1].release == release
    shown = repository.moe_json("release", "show", release)["release"]
    assert repository.runs("dev")["settings"] == shown["settings"]
    assert repository.moe("history", "verify", "dev").returncode == 0
