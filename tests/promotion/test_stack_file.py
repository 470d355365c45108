"""A release in a stack's file: the values that it moves change, and no other character."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from catalog.project import PROJECT
from promotion.difference import KeyChange
from promotion.errors import PromotionError
from promotion.stack_file import changes, text_in, with_changes
from stacks import reading
from stacks.released import IMAGE, MOVED_KEYS, Released, moved_values, released
from stacks.settings import Settings
from tests.promotion.drawn_stack_files import DEFAULTED, StackFile, stack_files
from tests.promotion.releases import release as numbered

PATH = Path("stacks/Pulumi.local.yaml")
LOCAL = reading.stack_file("local").read_text()
NEW_VALUES = {
    IMAGE: f"sha256:{'9' * 64}",
    # Digits and one `e`: a number for YAML where it has no quotes.
    "model_server.revision": "1234567890123456789012345678901234567e12",
    "charts.gpu_operator": "v26.8.1",
    "charts.aws_efa_k8s_device_plugin": "v0.6.0",
    "charts.kube_prometheus_stack": "89.0.0",
    "charts.leader_worker_set": "0.10.0",
    "charts.keda": "2.22.0",
    "cluster.system_ami_release_version": "1.35.3-20261101",
    "gpu_node_group.ami_release_version": "1.35.4-20261102",
}


def read(text: str) -> Settings:
    return reading.validated(YAML(typ="safe").load(text)["config"], PATH)


def release_of(target: Settings, **moved: str) -> Any:
    contents = released(target).model_dump()
    contents["settings"].update(moved)
    return numbered(1).model_copy(update={"contents": Released.model_validate(contents)})


def applied(text: str, moved: dict[str, str]) -> str:
    return with_changes(text, changes(release_of(read(text), **moved), read(text)), PATH)


def test_the_new_values_are_of_every_key_that_moves() -> None:
    assert set(NEW_VALUES) == set(MOVED_KEYS)


@settings(max_examples=60, deadline=None)
@given(stack_files(), st.sets(st.sampled_from(MOVED_KEYS)))
def test_only_the_values_that_move_change(file: StackFile, keys: set[str]) -> None:
    before = read(file.text)
    moved = {key: NEW_VALUES[key] for key in sorted(keys)}
    after = applied(file.text, moved)
    assert moved_values(read(after)) == {**moved_values(before), **moved}

    there = YAML(typ="safe").load(file.text)["config"][f"{PROJECT}:charts"]
    new = [key for key in DEFAULTED if key in keys and key.split(".")[1] not in there]
    lines = after.removeprefix(file.begins_with).split(file.style.line_end)
    wanted = [each.text for each in file.lines] + [""] * file.ends_with_line_end
    charts = next((i for i, each in enumerate(file.lines) if each.moved == "charts"), None)
    if charts is None:
        for key in new:
            name = key.split(".")[1]
            (line,) = [each for each in lines if each.strip() == f"{name}: {moved[key]}"]
            sibling = next(each for each in file.lines if each.moved.startswith("charts."))
            assert _indent(line) == _indent(sibling.text)
            lines.remove(line)
    assert len(lines) == len(wanted)
    old = moved_values(before)
    for number, (line, was) in enumerate(zip(lines, wanted, strict=True)):
        key = file.lines[number].moved if number < len(file.lines) else ""
        if number == charts:
            assert line.partition("{")[0] == was.partition("{")[0]
        elif key not in moved:
            assert line == was
        elif key == "model_server.revision" and re.search(r":\s+eba", was):
            assert line == was.replace(old[key], f'"{moved[key]}"')
        else:
            assert line == was.replace(old[key], moved[key])


@settings(max_examples=20, deadline=None)
@given(stack_files())
def test_again_there_is_nothing_to_change(file: StackFile) -> None:
    after = applied(file.text, NEW_VALUES)
    assert not changes(release_of(read(after), **NEW_VALUES), read(after))
    assert with_changes(after, [], PATH) == after
    back = applied(after, moved_values(read(file.text)))
    assert moved_values(read(back)) == moved_values(read(file.text))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def test_the_repository_of_an_image_stays() -> None:
    text = LOCAL.replace("image: vllm/vllm-openai@", "image: registry.example:5000/team/vllm@")
    after = applied(text, {IMAGE: NEW_VALUES[IMAGE]})
    assert f"image: registry.example:5000/team/vllm@{NEW_VALUES[IMAGE]}\n" in after


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_new_key_behind_a_last_line_without_an_end(line_end: str) -> None:
    charts = YAML(typ="safe").load(LOCAL)["config"][f"{PROJECT}:charts"]
    lines = "\n".join(f"    {key}: {version}" for key, version in charts.items())
    bare = re.sub(rf"(?m)^  {PROJECT}:charts:\n(    .*\n)+|^encryptionsalt.*\n", "", LOCAL)
    text = f"{bare}  {PROJECT}:charts:\n{lines}".replace("\n", line_end)
    after = applied(text, {"charts.leader_worker_set": NEW_VALUES["charts.leader_worker_set"]})
    assert after == f"{text}{line_end}    leader_worker_set: 0.10.0"


def test_a_key_at_its_default_is_put_beside_its_kind_above_what_is_said_of_the_next() -> None:
    text = LOCAL.replace("    kube_prometheus_stack: 88.5.3\n", _WITH_COMMENT)
    after = applied(text, {"charts.keda": "2.22.0", "charts.leader_worker_set": "0.10.0"})
    added = "    leader_worker_set: 0.10.0\n    keda: 2.22.0\n"
    first, rest = _WITH_COMMENT.split("\n", 1)
    assert after == text.replace(_WITH_COMMENT, f"{first}\n{added}{rest}")


_WITH_COMMENT = (
    "    kube_prometheus_stack: 88.5.3 # pinned\n"
    "    grafana_admin_secret: grafana\n"
    "    # The engine:\n"
)


def test_a_default_that_is_as_the_release_has_it_stays_unwritten() -> None:
    target = read(LOCAL)
    assert not changes(release_of(target), target)


def test_a_release_of_another_model_is_refused() -> None:
    target = read(LOCAL)
    other = release_of(target)
    contents = other.contents.model_copy(update={"model": "Qwen/Qwen3-30B-A3B"})
    with pytest.raises(PromotionError) as refusal:
        changes(other.model_copy(update={"contents": contents}), target)
    assert "Qwen/Qwen3-30B-A3B" in str(refusal.value)
    assert target.model_server.model in str(refusal.value)


@pytest.mark.parametrize(
    "key", ["aws.account_id", "network.cidr_block", "gpu_node_group.max_nodes", "team.token"]
)
def test_what_no_release_moves_is_refused(key: str) -> None:
    with pytest.raises(PromotionError, match=f"Pulumi.local.yaml: {key} is nothing"):
        with_changes(LOCAL, [KeyChange(key, "1", "2")], PATH)


def test_a_release_takes_no_key_away() -> None:
    with pytest.raises(PromotionError, match="charts.keda is nothing"):
        with_changes(LOCAL, [KeyChange("charts.keda", "2.21.0", None)], PATH)


@pytest.mark.parametrize(
    "value",
    [
        "v1\n  moe-serving:aws: {account_id: '000000000000', region: us-east-1}",
        "v1 # c",
        '"v1"',
        "*anchor",
        "{a: b}",
        "null",
        "1.5",
        "é\U0001f600",
        "- x",
        "a: b",
    ],
)
def test_a_value_of_a_release_is_a_text_whatever_it_holds(value: str) -> None:
    """Somebody may have made the release by hand; the gate on settings looks at it afterwards."""
    after = with_changes(LOCAL, [KeyChange("charts.gpu_operator", "v26.7.0", value)], PATH)
    config = YAML(typ="safe").load(after)["config"]
    was = YAML(typ="safe").load(LOCAL)["config"]
    assert config[f"{PROJECT}:charts"].pop("gpu_operator") == value
    was[f"{PROJECT}:charts"].pop("gpu_operator")
    assert config == was


@pytest.mark.parametrize(
    "text",
    [
        # The anchor is a value that moves, and what has the alias would move with it.
        LOCAL.replace("gpu_operator: v26.7.0", "gpu_operator: &v v26.7.0")
        + "team: {version: *v}\n",
        # The value that moves is the alias of another.
        LOCAL.replace("gpu_operator: v26.7.0", "gpu_operator: *v").replace(
            "account_id:", "note: &v v26.7.0\n    account_id:"
        ),
    ],
)
def test_where_more_would_change_it_is_refused(text: str) -> None:
    with pytest.raises(PromotionError, match="Pulumi.local.yaml: .*edit it yourself"):
        with_changes(text, [KeyChange("charts.gpu_operator", "v26.7.0", "v26.8.0")], PATH)


def test_an_anchor_and_a_tag_stay() -> None:
    text = LOCAL.replace("gpu_operator: v26.7.0", "gpu_operator: &v !!str v26.7.0")
    after = with_changes(text, [KeyChange("charts.gpu_operator", "v26.7.0", "v26.8.0")], PATH)
    assert after == text.replace("v26.7.0", "v26.8.0")


def test_a_section_that_is_not_there_is_one_clear_error() -> None:
    text = LOCAL.replace("moe-serving:charts:", "moe-serving:carts:")
    with pytest.raises(PromotionError, match="charts.gpu_operator"):
        with_changes(text, [KeyChange("charts.gpu_operator", None, "v26.8.0")], PATH)


def test_a_file_is_read_with_its_line_ends(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.local.yaml"
    file.write_bytes("\ufeffa: é\r\nb: c\n".encode())
    assert text_in(file) == "\ufeffa: é\r\nb: c\n"
