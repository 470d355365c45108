"""The CI files: valid, pinned, of few rights, and made of commands that there are."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from cli.main import app
from gate.formats.markdown import MARKER
from sandbox.reporter import PlainReporter
from sandbox.toolchain.ensure import ensure_actionlint

ROOT = Path(__file__).parents[1]
BIN = ROOT / ".venv" / "bin"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
GITLAB = ROOT / "ci" / "gitlab" / "check.gitlab-ci.yml"


def loaded(file: Path) -> Any:
    return YAML(typ="safe").load(file.read_text())


def jobs() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for file in WORKFLOWS:
        yield from loaded(file)["jobs"].items()


def steps() -> Iterator[Mapping[str, Any]]:
    for _, job in jobs():
        yield from job["steps"]


def environments() -> Iterator[tuple[str, Mapping[str, str]]]:
    """Each `make check` of the CI files, with the variables that it is given."""
    for step in steps():
        if step.get("run", "").startswith("make "):
            yield step["run"], step["env"]
    for job in loaded(GITLAB).values():
        for line in job["script"]:
            yield line, job["variables"]


def ran(*command: str | Path, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_actionlint_finds_nothing() -> None:
    assert WORKFLOWS
    ran(ensure_actionlint(PlainReporter(sys.stderr)), "-no-color", *WORKFLOWS)


def test_actionlint_would_find_something(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "runs:"))
    actionlint = ensure_actionlint(PlainReporter(sys.stderr))
    done = subprocess.run([actionlint, broken], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert '"runs-on" section is missing' in done.stdout


def test_zizmor_finds_nothing() -> None:
    ran(BIN / "zizmor", "--offline", "--no-progress", "--quiet", *WORKFLOWS)


@pytest.mark.parametrize(
    ("schema", "files"), [("vendor.github-workflows", WORKFLOWS), ("vendor.gitlab-ci", [GITLAB])]
)
def test_the_files_keep_to_their_schema(schema: str, files: list[Path]) -> None:
    ran(BIN / "check-jsonschema", "--builtin-schema", schema, *files)


def test_every_action_is_pinned_by_its_commit_with_the_version_beside_it() -> None:
    lines = [line for file in WORKFLOWS for line in file.read_text().splitlines()]
    uses = [line for line in lines if re.match(r"\s*-?\s*uses:", line)]
    assert uses
    for line in uses:
        assert re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_no_job_that_runs_the_change_may_write() -> None:
    for name, job in jobs():
        writes = {key for key, right in job["permissions"].items() if right == "write"}
        if any("make" in step.get("run", "") for step in job["steps"]):
            assert writes == set(), name
        assert writes <= {"security-events", "pull-requests"}, name
        assert job["timeout-minutes"] <= 75
    for file in WORKFLOWS:
        workflow = loaded(file)
        assert workflow["permissions"] == {}
        assert "concurrency" in workflow
        assert "pull_request_target" not in file.read_text()


def test_what_ci_calls_is_a_target_and_a_command_with_these_options() -> None:
    """The lines that make would run are read as the command line reads them."""
    found = list(environments())
    assert [line for line, _ in found] == ["make check", "make check"]
    for line, variables in found:
        given = {key: re.sub(r"\$\S.*", "abc", value) for key, value in variables.items()}
        environment = {**os.environ, **given}
        _, target = shlex.split(line)
        planned = ran("make", "-n", target, env=environment).replace("\\\n", "")
        (asked,) = re.findall(r"^\.venv/bin/moe (.*)", planned, re.M)
        command, *options = shlex.split(asked)
        told = CliRunner().invoke(app, [command, *options, "--help"])
        assert told.exit_code == 0, told.output
        assert "--base" in options
        assert {"reports/check.sarif", "reports/check.xml", "reports/check.md"} <= set(options)


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        ("17", "--method PATCH repos/o/r/issues/comments/17"),
        ("", "--method POST repos/o/r/issues/5"),
    ],
)
def test_the_comment_is_one_that_its_marker_finds_again(
    known: str, asked: str, tmp_path: Path
) -> None:
    (comment,) = [step["run"] for step in steps() if "gh api" in step.get("run", "")]
    assert f'startswith("{MARKER}")' in comment
    stand_in = tmp_path / "gh"
    stand_in.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\necho {known}\n')
    stand_in.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    ran("bash", "-e", "-c", comment, env={"PATH": path, "REPOSITORY": "o/r", "NUMBER": "5"})
    looked, wrote = (tmp_path / "calls").read_text().splitlines()
    assert "--paginate repos/o/r/issues/5/comments" in looked
    assert asked in wrote
    assert wrote.endswith("--field body=@reports/check.md")
