"""Values that are too long for a line are cut to where they differ."""

from hypothesis import given
from hypothesis import strategies as st

from promotion.drift import PropertyDrift
from promotion.drift_words import WIDTH, shortened

IMAGE = "registry.example.com/team/vllm-openai@sha256:"


def cut(recorded: object, now: object) -> tuple[str, str]:
    return shortened(PropertyDrift("p", "update", recorded, now))


def test_short_values_are_shown_whole() -> None:
    assert cut(2, 3) == ("2", "3")
    assert cut({"a": None}, ["é"]) == ('{"a": null}', '["é"]')


def test_of_two_digests_the_part_is_shown_that_differs() -> None:
    recorded, now = cut(f"{IMAGE}{'a' * 63}b", f"{IMAGE}{'a' * 63}c")
    assert (recorded[-1], now[-1]) == ("b", "c")
    assert recorded[0] == now[0] == "…"


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=200))
def test_two_values_that_differ_are_never_shown_alike(same: str, one: str, other: str) -> None:
    recorded, now = cut(same + one, same + other)
    assert max(len(recorded), len(now)) <= WIDTH
    assert (recorded == now) == (one == other)
