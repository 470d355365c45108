"""How long a start may take."""

from catalog.startup import INITIALISATION_S, LEAST_S, read_s, startup_budget_s
from tests.catalog.example_models import LLAMA_1B_TIED, MIXTRAL_8X7B, MIXTRAL_8X22B


def test_a_read_takes_as_long_as_the_weights_are_large() -> None:
    # 93.4 GB at 200 MiB/s.
    assert read_s(MIXTRAL_8X7B, mib_per_s=200) == 446


def test_a_budget_is_the_read_and_what_comes_after_it() -> None:
    at_200 = startup_budget_s(MIXTRAL_8X22B, slowest_mib_per_s=200)
    assert at_200 == read_s(MIXTRAL_8X22B, mib_per_s=200) + INITIALISATION_S


def test_a_budget_is_never_shorter_than_starts_were_seen_to_be() -> None:
    assert startup_budget_s(LLAMA_1B_TIED, slowest_mib_per_s=200) == LEAST_S
