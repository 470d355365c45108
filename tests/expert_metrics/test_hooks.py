"""The plugin's grip on vLLM: a new version that moved something is noticed here."""

import inspect
import json
from pathlib import Path
from typing import Any

import pytest

from catalog.vllm_version import VERSION
from expert_metrics import plugin
from tests.expert_metrics import stand_in_vllm
from tests.expert_metrics.stand_in_vllm import VLLM
from tests.expert_metrics.vllm_hooks import FILE, FILES, hooks

FACTS: dict[str, Any] = json.loads(FILE.read_text())


def test_what_the_plugin_relies_on_is_in_the_pinned_vllm(vllm_root: Path) -> None:
    """Else read the diff, change the plugin, then `python -m tests.expert_metrics.vllm_hooks`."""
    assert hooks(vllm_root) == FACTS
    assert all(FACTS["fields"].values())
    assert VERSION.startswith(plugin.TESTED)


def test_experts_are_captured_before_eplb_maps_them_to_copies() -> None:
    order = FACTS["choosing_experts"]
    assert order.index("self._compute_routing") < order.index("self.capture_fn")
    assert order.index("self.capture_fn") < order.index("self._apply_eplb_mapping")


def test_a_step_runs_the_capture_as_python_and_padding_is_masked() -> None:
    assert FACTS["moe_is_an_opaque_operation"]
    assert FACTS["padded_rows_are_masked"]


@pytest.mark.parametrize("owner", [stand_in_vllm.Worker, stand_in_vllm.MoERunner])
def test_a_stand_in_has_the_signatures_of_the_source(owner: type) -> None:
    signatures = {
        name.partition(".")[2]: signature
        for name, signature in FACTS["signatures"].items()
        if name.startswith(f"{owner.__name__}.")
    }
    assert signatures
    for name, signature in signatures.items():
        member = inspect.getattr_static(owner, name)
        is_property = isinstance(member, property)
        parameters = inspect.signature(member.fget if is_property else member).parameters
        plain = [each.name for each in parameters.values() if each.kind is not each.KEYWORD_ONLY]
        only = [each.name for each in parameters.values() if each.kind is each.KEYWORD_ONLY]
        words = ", ".join([*plain, *(["*", *only] if only else [])])
        assert f"{'property' if is_property else 'def'}({words})" == signature


def test_a_stand_in_layer_has_the_fields_of_the_source(vllm: VLLM) -> None:
    layer = vllm.layer(0)
    owners = {"MoERunner": layer, "BaseRouter": layer.router, "FusedMoEConfig": layer.moe_config}
    for name in FACTS["fields"]:
        owner, _, field = name.partition(".")
        if owner in owners:
            assert hasattr(owners[owner], field), name


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def set_capture_fn(self, capture_fn", "def set_capture_fn(self, layer, capture_fn"),
        ("self.capture_fn(topk_ids)", "self.capturer(topk_ids)"),
    ],
)
def test_a_changed_hook_is_noticed(vllm_root: Path, tmp_path: Path, old: str, new: str) -> None:
    for file in FILES:
        text = (vllm_root / file).read_text()
        if file.endswith("base_router.py"):
            assert old in text
            text = text.replace(old, new)
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    assert hooks(tmp_path) != FACTS
