from typing import Any

import pytest

from policies import stack_config
from policies.availability.startup_budget import POLICY
from tests.policies.engine_input import (
    MIXTRAL_LARGE,
    TYPES,
    UNKNOWN,
    Said,
    check,
    deployment,
    pod,
    server,
    workload,
)

HEALTH = {"httpGet": {"path": "/health", "port": "http"}}
LONG = {**HEALTH, "failureThreshold": 180, "periodSeconds": 10}


def judge(
    startup: Any = None, *, liveness: Any = HEALTH, config: dict[str, Any] | None = None
) -> Said:
    container = server(startupProbe=startup, livenessProbe=liveness)
    return check(POLICY, deployment(container), config=config)


@pytest.mark.parametrize(
    "startup",
    [
        LONG,
        LONG | {"failureThreshold": 1, "periodSeconds": 1800},
        LONG | {"failureThreshold": 120, "initialDelaySeconds": 600},
        LONG | {"failureThreshold": "180"},
        {"failureThreshold": 180},
    ],
)
def test_half_an_hour_is_allowed(startup: dict[str, Any]) -> None:
    assert judge(startup).nothing


def test_a_liveness_probe_alone_is_refused() -> None:
    said = judge().only()
    assert said.startswith(
        'Deployment "model-server", container "vllm": found a liveness probe without a startup'
    )
    assert "allowed: a startup probe of 1800 seconds or more" in said
    assert "fix: " in said


def test_kubernetes_own_thirty_seconds_are_refused() -> None:
    assert "found a startup probe of 30 seconds; allowed: 1800 seconds" in judge(HEALTH).only()


@pytest.mark.parametrize(
    ("startup", "seconds", "fix"),
    [
        (LONG | {"failureThreshold": 60}, 600, "failureThreshold to 180"),
        (LONG | {"failureThreshold": 179}, 1790, "failureThreshold to 180"),
        (LONG | {"periodSeconds": 7}, 1260, "failureThreshold to 258"),
        (LONG | {"periodSeconds": 0}, 0, "failureThreshold to 1800"),
    ],
)
def test_too_little_is_refused(startup: dict[str, Any], seconds: int, fix: str) -> None:
    said = judge(startup).only()
    assert f"found a startup probe of {seconds} seconds" in said
    assert fix in said


def test_without_a_liveness_probe_nothing_kills_it() -> None:
    assert judge(liveness=None).nothing
    assert judge(HEALTH, liveness=None).nothing


def test_the_least_time_can_be_configured() -> None:
    short = LONG | {"failureThreshold": 60}
    config = {"minSeconds": 600, "slowestMibPerSecond": 20000}
    assert judge(short, config=config).refusals
    small = server(startupProbe=short, livenessProbe=HEALTH, model="small/model")
    assert check(POLICY, deployment(small), config=config).nothing
    assert "allowed: 3600 seconds" in judge(LONG, config={"minSeconds": 3600}).only()


@pytest.mark.parametrize(
    ("location", "config", "mib_per_s", "seconds"),
    [
        (MIXTRAL_LARGE, {}, 200, 2242),
        (f"s3://bucket/{MIXTRAL_LARGE}", {"minSeconds": 900}, 500, 1437),
        (f"/models/{MIXTRAL_LARGE}", {}, 250, 1973),
        (f"/models/{MIXTRAL_LARGE}", {"slowestMibPerSecond": 100}, 100, 3583),
    ],
)
def test_the_weights_take_their_time(
    location: str, config: dict[str, Any], mib_per_s: int, seconds: int
) -> None:
    def judge_seconds(number: int) -> Said:
        startup = HEALTH | {"failureThreshold": number, "periodSeconds": 1}
        container = server(startupProbe=startup, livenessProbe=HEALTH, model=location)
        return check(POLICY, deployment(container), config=config)

    assert judge_seconds(seconds).nothing
    said = judge_seconds(seconds - 1).only()
    reason = f"for the weights of {MIXTRAL_LARGE} at {mib_per_s} MiB/s"
    assert f"allowed: {seconds} seconds or more, {reason}; fix: " in said


def test_the_stack_says_how_fast_its_weights_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_config, "_sections", {"model_weights": {"slowest_mib_per_s": 1000}})
    container = server(startupProbe=LONG, livenessProbe=HEALTH, model=MIXTRAL_LARGE)
    assert check(POLICY, deployment(container)).nothing
    monkeypatch.setattr(stack_config, "_sections", {"model_weights": {"slowest_mib_per_s": 50}})
    assert "at 50 MiB/s" in check(POLICY, deployment(container)).only()


def test_a_model_that_is_not_known_yet_is_said_to_be_unchecked() -> None:
    container = server(startupProbe=HEALTH, livenessProbe=HEALTH, model=UNKNOWN)
    said = check(POLICY, deployment(container))
    assert "allowed: 1800 seconds" in said.refusals[0]
    assert "args.0 can't be known" in said.unchecked[0]


def test_other_containers_need_none() -> None:
    sidecar = {"name": "exporter", "image": "exporter:1", "livenessProbe": HEALTH}
    assert check(POLICY, deployment(sidecar)).nothing


@pytest.mark.parametrize("kind", TYPES)
def test_every_kind_of_workload(kind: str) -> None:
    spec = pod(server(livenessProbe=HEALTH), initContainers=[server(livenessProbe=HEALTH)])
    said = check(POLICY, workload(kind, spec), resource_type=TYPES[kind])
    assert len(said.refusals) == 2


def test_a_patch_may_leave_the_startup_probe_out_but_not_shorten_it() -> None:
    patch = f"{TYPES['Deployment']}Patch"
    left_out = deployment(server(livenessProbe=HEALTH))
    assert check(POLICY, left_out, resource_type=patch).nothing
    short = deployment(server(livenessProbe=HEALTH, startupProbe=HEALTH))
    assert check(POLICY, short, resource_type=patch).refusals


@pytest.mark.parametrize("value", ["long", [], True])
def test_what_is_no_number_is_said_to_be_unchecked(value: object) -> None:
    said = judge(LONG | {"periodSeconds": value})
    assert not said.refusals
    assert "startupProbe.periodSeconds" in said.unchecked[0]


@pytest.mark.parametrize(
    ("startup", "liveness", "unknown"),
    [
        (UNKNOWN, HEALTH, "startupProbe"),
        (LONG, UNKNOWN, "livenessProbe"),
        (LONG | {"failureThreshold": UNKNOWN}, HEALTH, "failureThreshold"),
        (LONG | {"periodSeconds": UNKNOWN}, HEALTH, "periodSeconds"),
        (LONG | {"initialDelaySeconds": UNKNOWN}, HEALTH, "initialDelaySeconds"),
    ],
)
def test_an_unknown_is_said_to_be_unchecked(startup: Any, liveness: Any, unknown: str) -> None:
    said = judge(startup, liveness=liveness)
    assert not said.refusals
    assert f"{unknown} can't be known" in said.unchecked[0]
