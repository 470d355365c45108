import re

import pytest

from catalog.models import MODELS
from components.model_server import ModelServerArgs
from stacks import reading


@pytest.mark.parametrize("model", MODELS)
def test_the_server_is_named_by_a_dns_label_that_is_not_vllm(model: str) -> None:
    settings = reading.from_file("local").model_server.model_copy(update={"model": model})
    name = ModelServerArgs(settings).server_name
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", name)
    # A Service of that name would set VLLM_PORT to a URL in every pod of the namespace.
    assert name != "vllm"


def test_start_up_and_disk_grow_with_the_weights() -> None:
    settings = reading.from_file("local").model_server
    small = ModelServerArgs(settings)
    large = ModelServerArgs(settings.model_copy(update={"model": "databricks/dbrx-instruct"}))
    slow = ModelServerArgs(settings.model_copy(update={"weights_mib_per_s": 20}))
    assert small.startup_s < large.startup_s
    assert small.startup_s < slow.startup_s
    assert large.disk_gib > 245
