"""The price table."""

from datetime import date

import pytest

from catalog import prices
from catalog.instance_types import INSTANCE_TYPES


def test_the_table_has_a_day() -> None:
    assert date(2026, 1, 1) <= prices.AS_OF
    assert prices.SOURCE.startswith("https://aws.amazon.com/")


@pytest.mark.parametrize("instance_type", INSTANCE_TYPES)
def test_every_gpu_type_has_a_price_in_virginia_and_oregon(instance_type: str) -> None:
    for region in ("us-east-1", "us-west-2"):
        assert prices.instance_usd_per_hour(instance_type, region) is not None


def test_gpu_prices_are_those_after_the_cut_of_june_2025() -> None:
    assert prices.instance_usd_per_hour("p4d.24xlarge", "us-east-1") == pytest.approx(21.957642)
    assert prices.instance_usd_per_hour("p4de.24xlarge", "us-east-1") == pytest.approx(27.44705)


def test_a_p4de_costs_a_quarter_more_wherever_both_are_sold() -> None:
    for region in ("ap-northeast-1", "ap-southeast-1", "eu-central-1", "us-east-1", "us-west-2"):
        p4d = prices.instance_usd_per_hour("p4d.24xlarge", region)
        p4de = prices.instance_usd_per_hour("p4de.24xlarge", region)
        assert p4d is not None
        assert p4de == pytest.approx(1.25 * p4d, rel=1e-3)


def test_what_is_not_in_the_table_has_no_price() -> None:
    assert prices.instance_usd_per_hour("p4de.24xlarge", "eu-west-1") is None
    assert prices.instance_usd_per_hour("m7i.xlarge", "us-east-1") is None
    assert prices.nat_gateway_usd_per_hour("eu-central-1") is None
    assert prices.interface_endpoint_usd_per_hour("eu-central-1") is None
    assert prices.eks_cluster_usd_per_hour("us-gov-west-1") is None
