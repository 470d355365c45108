"""Releases as files: found by their first digits, and not to be changed unnoticed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from promotion.errors import PromotionError
from promotion.release import Release
from promotion.release_store import ReleaseStore, text_of
from tests.promotion.releases import release, store


def test_a_release_is_added_once(tmp_path: Path) -> None:
    releases = ReleaseStore(tmp_path)
    assert releases.add(release(1))
    file = releases.file(release(1))
    assert file == tmp_path / "releases" / f"{release(1).id}.json"
    written = file.read_bytes()
    assert not releases.add(release(1))
    assert file.read_bytes() == written
    assert list(releases) == [release(1)]


def test_it_is_found_by_its_id_and_by_its_first_digits(tmp_path: Path) -> None:
    releases = store(tmp_path, 1, 2, 3)
    one = release(1)
    for digits in (one.id, one.short_id, one.id[:4]):
        assert releases.get(digits) == one


def test_all_are_in_the_order_of_their_ids(tmp_path: Path) -> None:
    releases = store(tmp_path, *range(1, 8))
    assert list(releases) == sorted(map(release, range(1, 8)), key=lambda each: each.id)


@pytest.mark.parametrize(
    ("digits", "words"),
    [
        ("abc", "at least 4 of the first hex digits"),
        ("", "at least 4"),
        ("ABCDEF", "hex digits"),
        ("../../etc", "hex digits"),
        ("????", "hex digits"),
        ("*" * 64, "hex digits"),
        ("0" * 63, "there is none"),
        ("0" * 64, "there is none"),
        ("0" * 65, "there is none"),
    ],
)
def test_one_that_there_is_not_is_one_clear_error(tmp_path: Path, digits: str, words: str) -> None:
    with pytest.raises(PromotionError, match=words) as refusal:
        store(tmp_path, 1).get(digits)
    assert str(refusal.value).startswith(f"release {digits}: ")


def test_no_release_at_all_is_none(tmp_path: Path) -> None:
    releases = ReleaseStore(tmp_path)
    assert list(releases) == []
    assert releases.of(release(1).contents) is None
    with pytest.raises(PromotionError, match="moe release list"):
        releases.get("abcd")


def test_several_that_begin_so_are_named(tmp_path: Path) -> None:
    first = release(1)
    twin = tmp_path / "releases" / f"{first.id[:20]}{'0' * 44}.json"
    releases = store(tmp_path, 1)
    twin.write_text("{}")
    with pytest.raises(PromotionError, match=f"several begin so: {first.short_id}, "):
        releases.get(first.id[:8])
    assert releases.get(first.id) == first


@pytest.mark.parametrize("way", ["get", "all", "add"])
def test_a_changed_file_is_noticed(tmp_path: Path, way: str) -> None:
    releases = store(tmp_path, 1)
    file = releases.file(release(1))
    document = json.loads(file.read_text())
    document["contents"]["settings"]["charts.keda"] = "9.9.9"
    file.write_text(json.dumps(document))
    other = Release.model_validate(document)
    asked: dict[str, Callable[[], object]] = {
        "get": lambda: releases.get(release(1).id),
        "all": lambda: list(releases),
        "add": lambda: releases.add(release(1)),
    }
    with pytest.raises(PromotionError, match="somebody has changed it") as refusal:
        asked[way]()
    assert f"releases/{release(1).id}.json" in str(refusal.value)
    assert other.short_id in str(refusal.value)


def test_one_that_was_changed_hides_no_other(tmp_path: Path) -> None:
    """What it says is found by nobody; the gate on the record tells of it."""
    releases = store(tmp_path, 1, 2)
    file = releases.file(release(1))
    file.write_text(releases.file(release(2)).read_text())
    assert releases.of(release(2).contents) == release(2)
    releases.file(release(2)).unlink()
    assert releases.of(release(2).contents) is None
    file.write_text("no release")
    assert releases.of(release(1).contents) is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"contents": {}}', "\x00"])
def test_a_file_that_is_no_release_is_named(tmp_path: Path, text: str) -> None:
    releases = store(tmp_path, 1)
    releases.file(release(1)).write_text(text)
    with pytest.raises(PromotionError, match=f"releases/{release(1).id}.json: is no release"):
        releases.get(release(1).id)


def test_another_layout_of_the_same_content_is_the_same_release(tmp_path: Path) -> None:
    releases = store(tmp_path, 1)
    releases.file(release(1)).write_text(json.dumps(release(1).model_dump(), indent=8))
    assert releases.get(release(1).id) == release(1)


def test_contents_are_found_whatever_the_commit(tmp_path: Path) -> None:
    releases = store(tmp_path, 1, 2)
    twin = release(1).model_copy(update={"git_commit": "f" * 40})
    releases.add(twin)
    assert releases.of(release(1).contents) == min(release(1), twin, key=lambda each: each.id)
    assert releases.of(release(3).contents) is None


def test_the_text_can_be_read_in_a_review() -> None:
    text = text_of(release(1))
    assert text.endswith("}\n")
    assert '\n    "settings": {\n' in text
    assert Release.model_validate_json(text) == release(1)
