import pytest

from catalog.models import MODELS
from catalog.parallel_layout import ParallelLayout
from policies.servers.command_lines import started_server
from policies.servers.deepspeed_mii_flags import MiiFlags
from tests.policies.engine_input import DIGEST, IMAGE, MIXTRAL, UNKNOWN, proxied

MODULE = "mii.entrypoints.openai_api_server"
ARGS = ["--model", MIXTRAL, "--tensor-parallel", "8", "--port", "8000"]


def flags_of(**container: object) -> MiiFlags | None:
    started = started_server(proxied(container))
    if started is None or started.engine != "deepspeed_mii":
        return None
    return MiiFlags.parse(started.arguments)


@pytest.mark.parametrize(
    "container",
    [
        {"command": ["python", "-m", MODULE, *ARGS]},
        {"command": ["python3", "-m", MODULE], "args": ARGS},
        {"command": ["python", "-m", "mii.entrypoints.api_server"], "args": ARGS},
        {
            "command": ["python", "/site-packages/mii/entrypoints/openai_api_server.py"],
            "args": ARGS,
        },
        {"command": ["sh", "-c", f"exec python -m {MODULE} {' '.join(ARGS)}"]},
        {"image": IMAGE, "args": ["python", "-m", MODULE, *ARGS]},
        {"image": f"registry:5000/team/deepspeed-mii@{DIGEST}", "args": ARGS},
        {"image": "deepspeed-mii:0.3.3", "args": ["--tensor_parallel=8", f"--model={MIXTRAL}"]},
        {"image": "my-deepspeed-mii", "args": ["--allow-credentials", "--ssl", *ARGS]},
    ],
)
def test_ways_to_start_a_server(container: dict[str, object]) -> None:
    flags = flags_of(**container)
    assert flags is not None
    assert flags.layout() == ParallelLayout(8)
    assert flags.gpus_of_pod() == 8
    assert flags.model() is MODELS[MIXTRAL]


@pytest.mark.parametrize(
    "container",
    [
        {"image": "deepspeed-mii", "command": ["sleep", "inf"]},
        {"image": "deepspeed-mii", "command": ["hf", "download", MIXTRAL]},
        {"image": "deepspeed-mii-exporter", "args": ["--port", "1"]},
        {"image": "deepspeed-mii-exporter/vllm", "args": ARGS},
        {"image": UNKNOWN, "args": ["--tensor-parallel=8"]},
    ],
)
def test_other_programs(container: dict[str, object]) -> None:
    assert flags_of(**container) is None


def test_replicas_of_one_pod_take_their_gpus_each() -> None:
    flags = MiiFlags.parse(["--tensor-parallel", "4", "--replica-num", "2"])
    assert flags.gpus_of_pod() == 8
    assert flags.sizes() == "--tensor-parallel 4 x --replica-num 2"
    assert flags.layout() == ParallelLayout(4)
    assert MiiFlags.parse([]).gpus_of_pod() == 1


def test_without_a_size_it_takes_one_gpu() -> None:
    flags = flags_of(image="deepspeed-mii:0.3.3", args=["--model", MIXTRAL])
    assert flags is not None
    assert flags.layout() == ParallelLayout(1)
    assert flags.gpus_of_pod() == 1
