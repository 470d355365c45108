import pulumi
import pytest

from catalog import charts
from components.helm_release import release


def test_a_value_that_the_chart_does_not_know_is_refused_before_helm_ignores_it() -> None:
    with pytest.raises(ValueError, match=r"chart gpu-operator knows no value driver\.enabld"):
        release(
            "operator",
            charts.GPU_OPERATOR,
            version="v26.7.0",
            namespace="gpu-operator",
            values={"driver": {"enabld": False}},
            opts=pulumi.ResourceOptions(),
        )
