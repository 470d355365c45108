"""The order of stacks by `promotion.source` of their files."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promotion.status.stage_order import in_promotion_order


def write(root: Path, **sources: str | None) -> Path:
    """Files with no more in them than the order needs; None is a section with no source."""
    for stack, source in sources.items():
        line = "{}" if source is None else f"{{source: {source}}}"
        (root / f"Pulumi.{stack}.yaml").write_text(f"config:\n  moe-serving:promotion: {line}\n")
    return root


def plain(root: Path, *stacks: str) -> None:
    for stack in stacks:
        (root / f"Pulumi.{stack}.yaml").write_text("config:\n  moe-serving:aws: {}\n")


def test_each_source_comes_before_what_follows_it(tmp_path: Path) -> None:
    write(tmp_path, zero=None, alpha="middle", middle="zero", beta="middle")
    names = ["alpha", "beta", "middle", "zero"]
    assert in_promotion_order(names, tmp_path) == ["zero", "middle", "alpha", "beta"]


def test_a_chain_is_not_torn_apart_by_another(tmp_path: Path) -> None:
    write(tmp_path, a=None, b=None, a2="a", b2="b")
    assert in_promotion_order(["a", "a2", "b", "b2"], tmp_path) == ["a", "a2", "b", "b2"]


def test_stacks_that_nothing_is_promoted_to_or_from_come_last(tmp_path: Path) -> None:
    plain(tmp_path, "a-lab", "dev")
    write(tmp_path, prod="dev")
    assert in_promotion_order(["a-lab", "dev", "prod"], tmp_path) == ["dev", "prod", "a-lab"]


@pytest.mark.parametrize("broken", ["config: [", "config: 3", "\x00", "", None])
def test_a_file_that_cannot_be_read_hides_no_other(tmp_path: Path, broken: str | None) -> None:
    write(tmp_path, dev=None, prod="dev")
    if broken is not None:
        (tmp_path / "Pulumi.bad.yaml").write_text(broken)
    assert in_promotion_order(["bad", "dev", "prod"], tmp_path) == ["dev", "prod", "bad"]


def test_a_file_with_refused_settings_keeps_its_place(tmp_path: Path) -> None:
    write(tmp_path, dev=None, prod="staging")
    text = "config:\n  moe-serving:promotion: {source: dev, no_such: 1}\n"
    (tmp_path / "Pulumi.staging.yaml").write_text(text)
    names = ["dev", "prod", "staging"]
    assert in_promotion_order(names, tmp_path) == ["dev", "staging", "prod"]


def test_a_circle_and_a_source_without_a_file_come_after_the_others(tmp_path: Path) -> None:
    write(tmp_path, a="b", b="a", c="c", dev=None, e="gone", prod="dev")
    plain(tmp_path, "lab")
    names = ["a", "b", "c", "dev", "e", "lab", "prod"]
    assert in_promotion_order(names, tmp_path) == ["dev", "prod", "a", "b", "c", "e", "lab"]


_NAMES = ("a", "b", "c", "d", "e")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.fixed_dictionaries({name: st.sampled_from((None, *_NAMES, "gone")) for name in _NAMES}))
def test_every_stack_is_there_once_whatever_the_files_say(
    tmp_path: Path, sources: dict[str, str | None]
) -> None:
    ordered = in_promotion_order(sources, write(tmp_path, **sources))
    assert sorted(ordered) == list(_NAMES)
    for stack, source in sources.items():
        if source in sources and _first_of(stack, sources) is not None:
            assert ordered.index(source) < ordered.index(stack)


def _first_of(stack: str, sources: dict[str, str | None]) -> str | None:
    """Where its chain begins; None where that is a circle, or no file."""
    seen: set[str] = set()
    while stack in sources and stack not in seen:
        seen.add(stack)
        source = sources[stack]
        if source is None:
            return stack
        stack = source
    return None
