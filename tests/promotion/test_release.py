"""A release is named by its content, however that is written."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from promotion.release import Release, as_rows, canonical, release_rows
from tests.promotion.releases import release

_LEAVES = st.none() | st.booleans() | st.integers() | st.text()
_DOCUMENTS = st.dictionaries(
    st.text(),
    st.recursive(
        _LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
    ),
)


def reordered(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: reordered(node[key]) for key in reversed(list(node))}
    return [reordered(each) for each in node] if isinstance(node, list) else node


@settings(deadline=None)
@given(_DOCUMENTS)
def test_canonical_json_is_independent_of_the_order_of_keys(document: dict[str, Any]) -> None:
    assert canonical(document) == canonical(reordered(document))
    assert json.loads(canonical(document)) == document


@settings(deadline=None)
@given(_DOCUMENTS, _DOCUMENTS)
def test_two_contents_have_two_canonical_texts(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert (canonical(one) == canonical(two)) == (
        json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True)
    )


def test_an_id_is_that_of_the_content_in_any_order() -> None:
    one = release(1)
    other = Release.model_validate(reordered(one.model_dump()))
    assert list(other.contents.settings) != list(one.contents.settings)
    assert other.id == one.id
    assert len(one.id) == 64
    assert one.short_id == one.id[:12]


def test_an_id_is_the_same_for_ever() -> None:
    """Releases that are committed are found by it."""
    assert release(1).id == "072f3d80dd57f2ea2b9a6b7c51ba85c2aa49655bf8faa870400dc9b0ac3e3e8a"


@pytest.mark.parametrize("part", ["model", "policy_pack", "alert_rules", "program"])
def test_an_id_changes_with_every_part(part: str) -> None:
    one = release(1)
    other = f"sha256:{'f' * 64}"
    contents = one.contents.model_copy(update={part: other})
    assert one.model_copy(update={"contents": contents}).id != one.id


def test_an_id_changes_with_the_commit_and_with_each_setting() -> None:
    one = release(1)
    ids = {one.id, one.model_copy(update={"git_commit": "f" * 40}).id}
    for key in one.contents.settings:
        settings = {**one.contents.settings, key: "other"}
        contents = one.contents.model_copy(update={"settings": settings})
        ids.add(one.model_copy(update={"contents": contents}).id)
    assert len(ids) == 2 + len(one.contents.settings)


@pytest.mark.parametrize(
    "wrong",
    [
        {"git_commit": "main"},
        {"git_commit": "A" * 40},
        {"git_commit": None},
        {"more": 1},
    ],
)
def test_what_is_no_release_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Release.model_validate({**release(1).model_dump(), **wrong})


def test_rows_name_every_part_once() -> None:
    one = release(1)
    rows = release_rows(one)
    settings = list(one.contents.settings)
    assert list(rows) == [
        *("model", *settings),
        *("policy_pack", "alert_rules", "program", "git_commit"),
    ]
    assert as_rows(one.contents) == {k: v for k, v in rows.items() if k != "git_commit"}
