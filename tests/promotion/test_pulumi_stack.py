"""What is read of a stack's state, and what `pulumi` on PATH is asked for.

A small script stands for it here; tests/engine has the real one.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from promotion.errors import PromotionError
from promotion.pulumi_stack import PulumiStack, State, Update, newest_update
from tests.promotion.releases import release

NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def state(outputs: Any) -> State:
    bucket = {"type": "aws:s3/bucket:Bucket", "outputs": {"release": "of a bucket"}}
    return State([bucket, {"type": "pulumi:pulumi:Stack", "outputs": outputs}])


class TestReleased:
    def test_it_is_what_the_program_said(self) -> None:
        contents = release(1).contents
        assert state({"release": contents.model_dump()}).released == contents

    @pytest.mark.parametrize("outputs", [None, {}, {"release": None}, {"endpoint": "x"}])
    def test_a_program_that_says_nothing(self, outputs: Any) -> None:
        assert state(outputs).released is None
        assert State([]).released is None

    @pytest.mark.parametrize(
        ("said", "words"),
        [
            ({"of a\x1b later\nversion": 1}, r"of a\x1b later version: Extra inputs"),
            ({"policy_pack": None}, "policy_pack: Input should be a valid string"),
            ({"program": "sha256:1"}, "program: String should match pattern"),
        ],
    )
    def test_what_this_version_does_not_know_is_one_clear_error(
        self, said: dict[str, Any], words: str
    ) -> None:
        outputs = {"release": {**release(1).contents.model_dump(), **said}}
        with pytest.raises(PromotionError) as refusal:
            _ = state(outputs).released
        assert words in str(refusal.value)
        assert str(refusal.value).startswith("output `release` is none that this program knows: ")
        assert str(refusal.value).isprintable()

    @pytest.mark.parametrize("said", ["a text", [1], 7])
    def test_another_type_is_told_too(self, said: Any) -> None:
        with pytest.raises(PromotionError, match="output `release`"):
            _ = state({"release": said}).released


def test_another_update_is_noticed_whatever_its_clock_says() -> None:
    updates = [Update(1, "update", "x", NOON, None, "")]
    earlier = Update(2, "update", "x", NOON - timedelta(hours=1), None, "")
    assert newest_update([earlier, *updates]) != newest_update(updates)
    assert newest_update(updates) != newest_update([])


def stack(folder: Path, script: str) -> PulumiStack:
    binary = folder / "bin" / "pulumi"
    binary.parent.mkdir()
    binary.write_text(f'#!/bin/sh\necho "$@" >> {folder}/asked\n{script}\n')
    binary.chmod(0o755)
    path = f"{binary.parent}{os.pathsep}{os.environ['PATH']}"
    return PulumiStack("dev", folder, {"PATH": path})


@pytest.mark.parametrize("code", [0, 1])
def test_a_lock_is_taken_away_without_asking(tmp_path: Path, code: int) -> None:
    assert stack(tmp_path, f"exit {code}").release_lock() == (code == 0)
    asked = (tmp_path / "asked").read_text()
    assert asked == "cancel --yes --stack dev --non-interactive\n"


def test_a_stack_that_the_backend_does_not_know(tmp_path: Path) -> None:
    unknown = stack(tmp_path, "echo \"error: no stack named 'dev' found\" >&2; exit 255")
    assert unknown.state() is None
    assert unknown.updates() == []


def test_a_backend_that_cannot_be_asked_is_told(tmp_path: Path) -> None:
    broken = stack(tmp_path, "echo 'error: no credentials' >&2; exit 255")
    with pytest.raises(PromotionError, match=r"^stack dev: its state cannot be read: .*no cred"):
        broken.state()
    with pytest.raises(PromotionError, match=r"^stack dev: its history cannot be read: "):
        broken.updates()


def test_without_pulumi_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PromotionError, match="pulumi is not on PATH; install it"):
        PulumiStack("dev", tmp_path, {"PATH": str(tmp_path)}).state()
