from typing import Any

import pytest

from catalog.models import MODELS
from policies.review import UnreadableError
from policies.servers.command_lines import started_server
from policies.servers.triton_flags import TritonFlags
from tests.policies.engine_input import DIGEST, MIXTRAL, proxied
from tests.policies.engine_servers import TRITON_IMAGE, triton

SERVER = "tritonserver"
REPOSITORY = "--model-repository=/models"
PLAIN = f"nvcr.io/nvidia/tritonserver:26.09-py3@{DIGEST}"
LAUNCH = "/opt/scripts/launch_triton_server.py"


def flags_of(**container: Any) -> TritonFlags | None:
    started = started_server(proxied(container))
    if started is None or started.engine != "triton":
        return None
    return TritonFlags.parse(started.arguments, started.surroundings)


def of(*command: Any, **fields: Any) -> TritonFlags:
    found = flags_of(**triton(*command, **fields))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("command", "gpus", "sizes"),
    [
        (["mpirun", "-n", "4", SERVER, REPOSITORY], 4, "4 processes of mpirun"),
        (
            ["mpirun", *["-n", "1", SERVER, REPOSITORY, ":"] * 2],
            2,
            "2 processes of mpirun",
        ),
        (["mpirun", "--np", "8", SERVER], 8, "8 processes of mpirun"),
        (["python3", LAUNCH, "--world_size", "8", "--model_repo=/m"], 8, "--world_size 8"),
        (["python3", LAUNCH, "--world_size=2"], 2, "--world_size 2"),
        (["sh", "-c", f"python3 {LAUNCH} --world_size=4 && wait"], 4, "--world_size 4"),
    ],
)
def test_processes_that_take_a_gpu_each(command: list[str], gpus: int, sizes: str) -> None:
    flags = of(*command)
    assert flags.gpus_of_pod() == gpus
    assert flags.sizes() == sizes
    assert not flags.takes_all_gpus()


@pytest.mark.parametrize(
    "fields",
    [
        {"args": [SERVER, REPOSITORY], "image": TRITON_IMAGE},
        {"args": [SERVER, "--model-repository=/opt/inflight_batcher_llm"], "image": PLAIN},
        {"command": [f"/opt/tritonserver/bin/{SERVER}", "--load-model=vllm_model"]},
        {"command": ["mpirun", "-n", "16", "--hostfile", "/hosts", SERVER], "image": PLAIN},
    ],
)
def test_what_its_model_repository_says_takes_the_gpus_that_it_sees(fields: Any) -> None:
    flags = flags_of(**fields, resources={"limits": {"nvidia.com/gpu": "8"}})
    assert flags is not None
    assert flags.takes_all_gpus()
    assert flags.gpus_of_pod() == 8


@pytest.mark.parametrize(
    "container",
    [
        {"image": PLAIN, "args": [SERVER, REPOSITORY]},
        {"image": PLAIN, "args": [SERVER, "--model-repository=s3://models/resnet"]},
        {"image": TRITON_IMAGE},
        {"image": TRITON_IMAGE, "command": ["sleep", "inf"]},
        {"image": "tritonclient", "command": ["perf_analyzer", "-m", "llm"]},
    ],
)
def test_other_programs_and_other_models(container: dict[str, Any]) -> None:
    assert flags_of(**container) is None


def test_what_only_the_model_repository_says() -> None:
    flags = of()
    assert flags.model() is None
    assert flags.location() is None
    assert flags.share() is None
    assert not flags.weights_as_catalogued(MODELS[MIXTRAL])
    for read in (flags.layout, flags.step):
        with pytest.raises(UnreadableError, match="model repository"):
            read()


def test_a_number_of_processes_that_nobody_can_read() -> None:
    with pytest.raises(UnreadableError, match="mpirun -n"):
        of("mpirun", "-n", "$WORLD", SERVER).gpus_of_pod()


def test_draining_takes_as_long_as_it_is_let() -> None:
    assert of().drain_s() == 30
    assert of(SERVER, REPOSITORY, "--exit-timeout-secs=120").drain_s() == 120
    assert of("python3", LAUNCH, "--world_size=2", "--exit_timeout", "60").drain_s() == 60
