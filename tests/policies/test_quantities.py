from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.quantities import quantity
from tests.policies.engine_input import FUZZ


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("0", 0),
        ("8", 8),
        (8, 8),
        (8.0, 8),
        (0.5, Decimal("0.5")),
        ("0.5", Decimal("0.5")),
        (".5", Decimal("0.5")),
        ("5.", 5),
        ("+5", 5),
        ("-5", -5),
        ("1Ki", 2**10),
        ("1Mi", 2**20),
        ("600Gi", 600 * 2**30),
        ("1.5Gi", 3 * 2**29),
        ("1Ti", 2**40),
        ("1Pi", 2**50),
        ("1Ei", 2**60),
        ("1n", Decimal("1e-9")),
        ("1u", Decimal("1e-6")),
        ("100m", Decimal("0.1")),
        ("1k", 10**3),
        ("1M", 10**6),
        ("1G", 10**9),
        ("1T", 10**12),
        ("1P", 10**15),
        ("1E", 10**18),
        ("1E3", 1000),
        ("1e3", 1000),
        ("12e-1", Decimal("1.2")),
    ],
)
def test_quantities_of_kubernetes(value: object, number: object) -> None:
    assert quantity(value) == number


@pytest.mark.parametrize(
    "value",
    [
        None, "", " ", "Gi", "1 Gi", "1K", "1gi", "1GiB", "1Gi\n", "--1", "1.2.3", "1e", "1e3Gi",
        "0x10", "1e999999999", "٣", True, False, float("nan"), float("inf"), [], {}, object(),
    ],
)  # fmt: skip
def test_anything_else_is_none(value: object) -> None:
    assert quantity(value) is None


@FUZZ
@given(st.text() | st.integers() | st.floats() | st.binary() | st.lists(st.integers()))
def test_no_input_crashes_it(value: object) -> None:
    quantity(value)
