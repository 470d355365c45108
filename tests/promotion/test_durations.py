"""Lengths of time in words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.durations import shown_hours

_MINUTES = {"d": 1440, "h": 60, "min": 1}


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (0, "0 min"),
        (0.4 / 60, "0 min"),
        (0.5, "30 min"),
        (1, "1 h"),
        (5.2, "5 h 12 min"),
        (24, "1 d"),
        (24 + 0.5, "1 d"),
        (34 * 24 + 3.7, "34 d 3 h"),
    ],
)
def test_the_two_largest_units_are_said(hours: float, words: str) -> None:
    assert shown_hours(hours) == words


@given(st.floats(min_value=0, max_value=1e6))
def test_the_words_are_the_time_to_a_minute_or_an_hour(hours: float) -> None:
    words = shown_hours(hours)
    said = sum(int(n) * _MINUTES[unit] for n, unit in re.findall(r"(\d+) (d|h|min)", words))
    # Less than one of the next smaller unit is left out, and seconds are rounded before that.
    assert -1 / 60 <= hours * 60 - said < (60 if "d" in words else 1) + 1 / 60
