"""The values of a plan in a stack file, and all else as it was."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from catalog.instance_types import P4DE, instance_type
from catalog.models import model
from catalog.parallel_layout import ParallelLayout
from planner.plan import Plan
from planner.write_stack import NOTE, WriteRefusedError, with_plan, write
from stacks import reading
from stacks.reading import SettingsError
from tests.planner.plans import LARGE_MIXTRAL, deployment, met_plan, missed_plan

STACKS = reading.stack_names()
SERVER = "moe-serving:model_server"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test here writes into the stacks of this checkout."""
    copies = tmp_path / "stacks"
    copies.mkdir()
    for name in STACKS:
        (copies / f"Pulumi.{name}.yaml").write_bytes(reading.stack_file(name).read_bytes())
    monkeypatch.setattr(reading, "STACKS_DIR", copies)
    return copies


def _plan_on(layout: ParallelLayout, node: str = "p4d.24xlarge") -> Plan:
    """As if the search had come to these engines."""
    found = met_plan()
    engine = deployment(layout=layout, instance_type=instance_type(node), max_model_len=8192)
    return replace(found, request=replace(found.request, deployment=engine))


def _change(folder: Path, old: str, new: str) -> None:
    file = folder / "Pulumi.local.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def _comments(text: str) -> list[str]:
    return re.findall(r"#.*", text)


@pytest.mark.parametrize("stack", STACKS)
def test_only_the_plans_values_change(stack: str, folder: Path) -> None:
    found = met_plan()
    before = reading.stack_file(stack).read_text()
    written = write(found, stack)
    after = reading.stack_file(stack).read_text()
    settings = reading.from_file(stack)
    assert settings.model_server.replicas == found.replicas
    assert settings.model_server.max_model_len == 8192
    assert settings.gpu_node_group.max_nodes >= (found.nodes or 0)
    assert [each for each in _comments(after) if NOTE not in f"{each} "] == _comments(before)
    kept = set(before.splitlines()) - set(after.splitlines())
    assert {line.split(":")[0].strip() for line in kept} <= {
        "replicas",
        "max_model_len",
        "memory_gib",
        "instance_type",
        "max_nodes",
        "desired_nodes",
    }
    assert written.diff.startswith(f"--- stacks/Pulumi.{stack}.yaml (before)")
    assert sorted(each.name for each in folder.iterdir()) == [
        f"Pulumi.{name}.yaml" for name in STACKS
    ]


def test_values_of_the_engine() -> None:
    found = met_plan()
    assert found.admission is not None
    write(found, "local")
    engine = reading.from_file("local").model_server.engine
    assert engine.model_dump()["max_queued_requests"] == found.admission.max_queued_requests
    assert engine.model_dump()["max_queued_tokens"] == found.admission.max_queued_tokens
    assert engine.model_dump()["max_num_seqs"] == 256


def test_the_same_plan_again_changes_nothing() -> None:
    write(met_plan(), "local")
    file = reading.stack_file("local")
    before = (file.read_bytes(), file.stat().st_mtime_ns)
    assert write(met_plan(), "local").diff == ""
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before


def test_the_note_says_what_was_assumed_and_the_next_replaces_it() -> None:
    write(met_plan(), "local")
    file = reading.stack_file("local")
    (line,) = [line for line in file.read_text().splitlines() if NOTE in line]
    assert line == ("    # moe plan: 20 requests/s, p99 TTFT 1 s and ITL 150 ms; step time ASSUMED")
    write(met_plan(measured=True), "local")
    (line,) = [line for line in file.read_text().splitlines() if NOTE in line]
    assert line.endswith("step time measured")


def test_layouts_come_and_go() -> None:
    experts = ParallelLayout(2, data_parallel_size=2, expert_parallel=True)
    write(_plan_on(experts, "p4de.24xlarge"), "local")
    assert reading.from_file("local").model_server.layout == experts
    write(_plan_on(ParallelLayout(4)), "local")
    assert reading.from_file("local").model_server.layout == ParallelLayout(4)
    assert "expert_parallel" not in reading.stack_file("local").read_text()


def test_engines_that_share_a_node_get_their_share_of_it() -> None:
    found = _plan_on(ParallelLayout(4))
    write(found, "local")
    settings = reading.from_file("local")
    assert settings.engines_per_node() == found.request.deployment.engines_per_node == 2


def test_nodes_are_added_and_never_taken_away() -> None:
    found = met_plan()
    fewer = replace(found, replicas=1)
    assert write(fewer, "prod").notes == (
        "min_nodes 2 stays, though the plan needs 1: fewer is a decision, and until then the cost"
        " is that of min_nodes",
    )
    group = reading.from_file("prod").gpu_node_group
    assert (group.min_nodes, group.desired_nodes, group.max_nodes) == (2, 4, 6)
    (note,) = write(replace(found, replicas=9), "prod").notes
    assert "raise min_nodes to 9" in note
    group = reading.from_file("prod").gpu_node_group
    assert (group.min_nodes, group.desired_nodes, group.max_nodes) == (2, 9, 9)


def test_settings_that_would_be_refused_are_not_written() -> None:
    """A pipeline across nodes needs an image with EFA's libraries, which no plan knows."""
    file = reading.stack_file("local")
    before = file.read_bytes()
    across = _plan_on(ParallelLayout(8, pipeline_parallel_size=2))
    with pytest.raises(SettingsError) as refused:
        write(across, "local")
    (problem,) = refused.value.problems
    assert str(problem).startswith(
        "stacks/Pulumi.local.yaml: moe-serving:model_server.engine.efa_installer: "
    )
    assert file.read_bytes() == before
    assert len(list(file.parent.iterdir())) == len(STACKS)


def test_a_plan_that_misses_is_not_written() -> None:
    before = reading.stack_file("local").read_bytes()
    with pytest.raises(WriteRefusedError, match="does not meet its target"):
        write(missed_plan(), "local")
    assert reading.stack_file("local").read_bytes() == before


def test_another_model_is_not_written() -> None:
    found = met_plan()
    engine = deployment(model=model(LARGE_MIXTRAL), instance_type=P4DE)
    other = replace(found, request=replace(found.request, deployment=engine))
    with pytest.raises(WriteRefusedError, match="change model and revision there first"):
        write(other, "local")


def test_a_stack_that_is_not_there() -> None:
    with pytest.raises(SettingsError, match="did you mean prod"):
        write(met_plan(), "prd")


def test_an_engine_in_flow_style_and_comments_beside_values(folder: Path) -> None:
    _change(
        folder,
        "    replicas: 1\n",
        "    engine: { kind: vllm, max_num_seqs: 256 }  # ours\n"
        "    # as many as the contract says\n    replicas: 1  # one\n",
    )
    before = (folder / "Pulumi.local.yaml").read_text()
    write(met_plan(), "local")
    after = (folder / "Pulumi.local.yaml").read_text()
    for comment in _comments(before):
        assert comment in after
    place = after.index("# as many as the contract says")
    assert after[place:].splitlines()[2].strip().startswith(f"replicas: {met_plan().replicas}")


def test_a_comment_stays_above_its_key_when_a_section_is_put_in(folder: Path) -> None:
    _change(folder, "    replicas: 1\n", "    # How many there are.\n    replicas: 1\n")
    write(met_plan(), "local")
    lines = (folder / "Pulumi.local.yaml").read_text().splitlines()
    place = lines.index("    # How many there are.")
    assert lines[place + 1].startswith(f"    {NOTE}".rstrip())
    assert lines[place + 2].strip().startswith("replicas:")
    assert any(line.strip() == "engine:" for line in lines)


def test_lists_stay_as_they_are_indented() -> None:
    text = reading.stack_file("prod").read_text()
    flat = text.replace("      - arn:", "    - arn:")
    assert flat != text
    assert "\n    - arn:" in with_plan(flat, met_plan())
    assert "\n      - arn:" in with_plan(text, met_plan())


def test_the_mode_of_the_file_stays() -> None:
    file = reading.stack_file("local")
    file.chmod(0o640)
    write(met_plan(), "local")
    assert file.stat().st_mode & 0o777 == 0o640


def test_what_ruamel_reads_is_what_was_planned() -> None:
    write(met_plan(), "staging")
    server = YAML().load(reading.stack_file("staging"))["config"][SERVER]
    keys = list(server)
    assert keys.index("engine") == keys.index("image") + 1
    assert next(iter(server["engine"])) == "kind"
