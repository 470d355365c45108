"""The plugin in a worker: what is exported, and that nothing of it reaches vLLM."""

import logging
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from expert_metrics import plugin
from expert_metrics.counts import ExpertCounts
from expert_metrics.environment import MODEL_NAME_VARIABLE
from tests.expert_metrics.scraped import gauge, scrape, tokens
from tests.expert_metrics.stand_in_vllm import VLLM, MoERunner

BOUND = "moe_expert_metrics_bound_layers"
FOUND = "moe_expert_metrics_layers"


@pytest.fixture(autouse=True)
def _copies_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "COPY_EVERY_S", 0.05)


def started(vllm: VLLM, *layers: MoERunner, worker: Any = None) -> Any:
    """A worker as vLLM starts it, with the plugin in it."""
    plugin.register()
    worker = worker or vllm.worker(*layers)
    assert worker.load_model(load_dummy_weights=True) is None
    assert worker.compile_or_warm_up_model() == "times"
    assert worker.did == ["load True", "warm up"]
    return worker


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_tokens_are_exported_by_layer_and_expert(vllm: VLLM, port: int) -> None:
    layers = [vllm.layer(4), vllm.layer(5)]
    started(vllm, *layers)
    vllm.route(layers[0], [[0, 7], [0, 1], [-1, -1]])
    eventually(lambda: tokens(port)[4, 0] == 2)
    counts = tokens(port)
    assert set(counts) == {(layer, expert) for layer in (4, 5) for expert in range(8)}
    assert {key for key, value in counts.items() if value} == {(4, 0), (4, 1), (4, 7)}
    (labels,) = {
        labels - {("layer", "4"), ("expert", "0")}
        for labels in scrape(port)["moe_expert_tokens_total"]
        if {("layer", "4"), ("expert", "0")} <= labels
    }
    assert labels == {("model_name", "mixtral"), ("pp_rank", "0"), ("dp_rank", "0")}
    assert gauge(port, BOUND) == gauge(port, FOUND) == 2
    assert 0 <= gauge(port, "moe_expert_metrics_copy_age_seconds") < 5


def test_what_warming_up_routes_is_forgotten(vllm: VLLM, port: int) -> None:
    layer = vllm.layer(0)
    worker = vllm.worker(layer)
    worker.warm_up = lambda: vllm.route(layer, [[0, 1]] * 100)
    started(vllm, worker=worker)
    vllm.route(layer, [[2, 3]])
    eventually(lambda: tokens(port)[0, 2] == 1)
    assert tokens(port)[0, 0] == 0


def test_a_later_stage_exports_its_own_layers_under_its_own_labels(
    vllm: VLLM, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MODEL_NAME_VARIABLE, "the-name-of-the-service")
    vllm.pp.rank_in_group = 1
    worker = vllm.worker(vllm.layer(16))
    worker.vllm_config.parallel_config.data_parallel_index = 1
    started(vllm, worker=worker)
    # Ranks of one pod share its address.
    labels = {
        dict(each)["layer"]: dict(each) for each in scrape(port + 1)["moe_expert_tokens_total"]
    }
    assert set(labels) == {"16"}
    assert labels["16"]["model_name"] == "the-name-of-the-service"
    assert (labels["16"]["pp_rank"], labels["16"]["dp_rank"]) == ("1", "1")


def test_a_tensor_parallel_rank_that_is_not_the_first_counts_and_exports_nothing(
    vllm: VLLM, port: int
) -> None:
    vllm.tp.is_first_rank = False
    started(vllm, vllm.layer(0))
    assert not listens(port)


def test_tokens_of_all_ranks_in_each_rank_are_counted_once(vllm: VLLM, port: int) -> None:
    layer = vllm.layer(0)
    layer.gathers = True
    worker = vllm.worker(layer)
    worker.vllm_config.parallel_config.data_parallel_index = 1
    started(vllm, worker=worker)
    assert layer.router.capture_fn is None
    assert gauge(port + 1, FOUND) == 0


def test_registering_again_changes_nothing(vllm: VLLM, port: int) -> None:
    plugin.register()
    once = vllm.worker_class.load_model
    layer = vllm.layer(0)
    started(vllm, layer)
    assert vllm.worker_class.load_model is once
    vllm.route(layer, [[0, 1]])
    eventually(lambda: tokens(port)[0, 0] == 1)


def monolithic(layer: MoERunner) -> None:
    layer.monolithic = True


def taken(layer: MoERunner) -> None:
    layer.router.set_capture_fn(print)


def no_base_router(layer: MoERunner) -> None:
    layer.router = object()


def sequence_parallel(layer: MoERunner) -> None:
    layer.moe_config.is_sequence_parallel = True


def context_parallel(layer: MoERunner) -> None:
    layer.moe_config.pcp_size = 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (monolithic, "never asks the router"),
        (taken, "something else captures"),
        (no_base_router, "object is no BaseRouter"),
        (sequence_parallel, "a part of the tokens"),
        (context_parallel, "the tokens of all"),
    ],
)
def test_a_layer_that_cannot_be_counted_is_named_once_and_the_others_are_counted(
    vllm: VLLM,
    port: int,
    caplog: pytest.LogCaptureFixture,
    change: Callable[[MoERunner], None],
    reason: str,
) -> None:
    good, bad = vllm.layer(0), vllm.layer(1)
    change(bad)
    before = getattr(bad.router, "capture_fn", None)
    started(vllm, good, bad)
    (message,) = [each.message for each in caplog.records if each.levelno >= logging.WARNING]
    assert bad.layer_name in message
    assert reason in message
    assert getattr(bad.router, "capture_fn", None) is before
    assert (gauge(port, BOUND), gauge(port, FOUND)) == (1, 2)
    assert {layer for layer, _ in tokens(port)} == {0}


def another_version(vllm: VLLM) -> None:
    vllm.version("0.34.0")


def no_worker(vllm: VLLM) -> None:
    vllm.without("vllm.v1.worker.gpu_worker")


def no_method(vllm: VLLM) -> None:
    del vllm.worker_class.compile_or_warm_up_model


@pytest.mark.parametrize("change", [another_version, no_worker, no_method])
def test_a_vllm_that_it_was_not_made_for_is_left_alone(
    vllm: VLLM,
    caplog: pytest.LogCaptureFixture,
    change: Callable[[VLLM], None],
) -> None:
    load_model = vllm.worker_class.load_model
    change(vllm)
    plugin.register()
    assert vllm.worker_class.load_model is load_model
    (record,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert "it stays off" in record.message


@pytest.mark.parametrize(
    "module",
    [
        "vllm.model_executor.layers.fused_moe.layer",
        "vllm.model_executor.layers.fused_moe.router.base_router",
    ],
)
def test_a_class_that_moved_is_logged_once_and_shows_as_no_layer(
    vllm: VLLM, port: int, caplog: pytest.LogCaptureFixture, module: str
) -> None:
    vllm.without(module)
    started(vllm, vllm.layer(0))
    assert len([each for each in caplog.records if each.levelno >= logging.ERROR]) == 1
    assert gauge(port, BOUND) == 0


def test_beside_routed_experts_in_answers_it_takes_no_slot(vllm: VLLM, port: int) -> None:
    layer = vllm.layer(0)
    worker = vllm.worker(layer)
    worker.vllm_config.aux_output_config.enabled = True
    started(vllm, worker=worker)
    assert layer.router.capture_fn is None
    assert (gauge(port, BOUND), gauge(port, FOUND)) == (0, 1)


def test_a_slot_that_is_taken_later_shows(vllm: VLLM, port: int) -> None:
    layer = vllm.layer(0)
    started(vllm, layer)
    assert gauge(port, BOUND) == 1
    layer.router.set_capture_fn(None)
    assert gauge(port, BOUND) == 0


def test_a_capture_that_fails_fails_no_step_and_is_logged_once(
    vllm: VLLM, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    layer = vllm.layer(0)
    started(vllm, layer)
    for _ in range(2):
        layer.router.capture_fn("not a tensor")
    assert len([each for each in caplog.records if each.levelno >= logging.ERROR]) == 1
    assert gauge(port, BOUND) == 0


def test_a_port_that_is_taken_is_logged_and_served_on(
    vllm: VLLM, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as other:
        other.bind(("0.0.0.0", port))  # noqa: S104
        other.listen()
        started(vllm, vllm.layer(0))
    (record,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], OSError)


def test_a_copy_that_fails_is_logged_once_and_its_age_grows(
    vllm: VLLM, port: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = iter([[[0] * 8]])
    # The first copy is there, and then no other.
    monkeypatch.setattr(ExpertCounts, "reader", lambda _self: lambda: next(copies))
    started(vllm, vllm.layer(0))
    age = "moe_expert_metrics_copy_age_seconds"
    first = gauge(port, age)
    eventually(lambda: gauge(port, age) > first + 0.3)
    assert len([each for each in caplog.records if each.levelno >= logging.ERROR]) == 1
    assert gauge(port, BOUND) == 1


def test_an_error_of_vllm_itself_is_still_raised(vllm: VLLM) -> None:
    plugin.register()

    def fails() -> None:
        raise MemoryError

    worker = vllm.worker(vllm.layer(0))
    worker.load_model()
    worker.warm_up = fails
    with pytest.raises(MemoryError):
        worker.compile_or_warm_up_model()
