import pytest

from catalog.efa_layout import Interface, default, efa_count, refusal, starts, without_efa


@pytest.mark.parametrize("cards", [1, 2, 4])
def test_our_own_layout_is_one_that_starts_with_one_efa_a_card(cards: int) -> None:
    layout = default(cards)
    assert starts(layout)
    assert efa_count(layout) == cards
    assert refusal(layout, network_cards=cards) is None


def test_only_the_first_interface_takes_addresses_and_the_others_are_device_1() -> None:
    assert default(2) == [Interface(0, 0, "efa"), Interface(1, 1, "efa-only")]


def test_without_efa_there_is_one_plain_interface() -> None:
    assert without_efa() == [Interface(0, 0, "interface")]
    assert efa_count(without_efa()) == 0
