"""The gate on the source, on states that the real engine has written."""

from pathlib import Path

from promotion.gate import GateResult, Outcome
from promotion.gates.source import judge
from promotion.pulumi_stack import PulumiStack
from promotion.release import Release
from stacks import reading
from stacks.released import released
from tests.engine.conftest import Project

_BEFORE, _AFTER = "3" * 64, "4" * 64


def gate(project: Project) -> GateResult:
    stack = PulumiStack("local", project.folder, project.sandbox.environment())
    settings = reading.from_file("local")
    release = Release(contents=released(settings, project.folder), git_commit="a" * 40)
    return judge("local", stack.state(), stack.updates(), release)


def test_a_stack_that_is_up_runs_its_release(project: Project) -> None:
    result = gate(project)
    assert result.outcome is Outcome.PASSED, result
    assert "by what 7 kinds of its resources say" in result.evidence


def test_a_state_that_was_edited_is_seen(project: Project, tmp_path: Path) -> None:
    exported = project.pulumi("stack", "export").stdout
    edited = tmp_path / "state.json"
    edited.write_text(exported.replace("--revision=eba92302", "--revision=00000000"))
    try:
        imported = project.pulumi("stack", "import", "--file", str(edited))
        assert imported.returncode == 0, imported.stderr
        result = gate(project)
    finally:
        edited.write_text(exported)
        project.pulumi("stack", "import", "--file", str(edited))
    assert result.outcome is Outcome.FAILED
    (line,) = result.details
    assert line.startswith('model_server.revision: Deployment "model-server" has 00000000')


def test_an_up_of_one_target_with_another_image_is_seen(project: Project) -> None:
    server = next(
        each
        for each in project.state()
        if each["urn"].endswith("::model-server") and each["type"].endswith(":Deployment")
    )
    repository = "vllm/vllm-openai@sha256:"
    try:
        project.change("model_server", image=f"{repository}{_AFTER}")
        up = project.up("--target", server["urn"])
        assert up.returncode == 0, up.stdout + up.stderr
        result = gate(project)
    finally:
        project.restore()
        up = project.up()
    assert up.returncode == 0, up.stdout + up.stderr
    assert result.outcome is Outcome.FAILED
    assert (
        f'model_server.image: Deployment "model-server" has sha256:{_AFTER}, the release'
        f" sha256:{_BEFORE}"
    ) in result.details
    assert gate(project).outcome is Outcome.PASSED
