import pytest

from catalog.models import DBRX, MIXTRAL_8X7B, MIXTRAL_8X22B, MoeModel, model


@pytest.mark.parametrize(
    ("entry", "total_billion", "active_billion"),
    # As the vendors' model cards publish them.
    [(MIXTRAL_8X7B, 46.7, 12.9), (MIXTRAL_8X22B, 140.6, 39.2), (DBRX, 131.6, 36.5)],
    ids=lambda value: value.name if isinstance(value, MoeModel) else str(value),
)
def test_parameters_match_the_published_ones(
    entry: MoeModel, total_billion: float, active_billion: float
) -> None:
    assert entry.parameters / 1e9 == pytest.approx(total_billion, abs=0.05)
    assert entry.active_parameters / 1e9 == pytest.approx(active_billion, abs=0.05)


def test_unknown_model_names_what_exists() -> None:
    with pytest.raises(ValueError, match=r"'x'.*Mixtral-8x7B"):
        model("x")
