"""The typed difference, against what its two sides say."""

from hypothesis import given
from hypothesis import strategies as st

from promotion.difference import KeyChange, difference

_SIDES = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["1", "2", ""]))


@given(_SIDES, _SIDES)
def test_it_takes_one_side_to_the_other(before: dict[str, str], after: dict[str, str]) -> None:
    changes = difference(before, after)
    assert all(before.get(each.key) == each.before != each.after for each in changes)
    result = dict(before)
    for change in changes:
        if change.after is None:
            del result[change.key]
        else:
            result[change.key] = change.after
    assert result == after
    assert len({each.key for each in changes}) == len(changes)
    assert not difference(after, after)


def test_it_is_in_the_order_of_what_comes_and_ends_with_what_goes() -> None:
    assert difference({"c": "1", "z": "1", "a": "1"}, {"b": "2", "a": "2", "c": "1"}) == [
        KeyChange("b", None, "2"),
        KeyChange("a", "1", "2"),
        KeyChange("z", "1", None),
    ]
