import re

import pytest

from catalog.models import MODELS
from components.weights_source import WeightsSource
from stacks import reading


def source(model: str = "mistralai/Mixtral-8x7B-Instruct-v0.1", **weights: int) -> WeightsSource:
    local = reading.from_file("local")
    return WeightsSource(
        local.model_weights.model_copy(update=weights),
        local.model_server.model_copy(update={"model": model}),
    )


@pytest.mark.parametrize("model", MODELS)
def test_the_server_is_named_by_a_dns_label_that_is_not_vllm(model: str) -> None:
    name = source(model).server.server_name
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name)
    # A Service of that name would set VLLM_PORT to a URL in every pod of the namespace.
    assert name != "vllm"


def test_start_up_and_disk_grow_with_the_weights() -> None:
    small, large, slow = source(), source("databricks/dbrx-instruct"), source(slowest_mib_per_s=20)
    assert small.startup_s < large.startup_s
    assert small.startup_s < slow.startup_s
    assert large.disk_gib > 245
