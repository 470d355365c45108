"""The look at the account, at the account that the stack is up in."""

import json
import subprocess
import sys

from tests.engine.conftest import Project


def test_nothing_stands_in_the_way_of_what_is_up(project: Project) -> None:
    result = subprocess.run(
        [
            *(sys.executable, "-c", "from cli.main import app; app()"),
            *("preflight", "--stack", "local", "--json"),
        ],
        env=project.sandbox.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    document = json.loads(result.stdout)
    failed = [each for each in document["findings"] if each["verdict"] == "fail"]
    assert failed == []
    assert result.returncode == 0
    assert {"check": "endpoints", "verdict": "ok"}.items() <= next(
        each.items() for each in document["findings"] if each["check"] == "endpoints"
    )
    assert any("is private" in each["found"] for each in document["findings"])
