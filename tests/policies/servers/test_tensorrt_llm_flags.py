from typing import Any

import pytest

from catalog.gpu_overhead import Step
from catalog.models import MODELS
from catalog.parallel_layout import ParallelLayout
from policies.review import UnreadableError
from policies.servers.command_lines import started_server
from policies.servers.tensorrt_llm_flags import TensorRtLlmFlags
from tests.policies.engine_input import MIXTRAL, proxied
from tests.policies.engine_servers import TENSORRT_LLM_IMAGE, tensorrt_llm


def flags_of(**container: Any) -> TensorRtLlmFlags | None:
    started = started_server(proxied(container))
    if started is None or started.engine != "tensorrt_llm":
        return None
    return TensorRtLlmFlags.parse(started.arguments, started.surroundings)


def of(*flags: Any) -> TensorRtLlmFlags:
    found = flags_of(**tensorrt_llm(*flags))
    assert found is not None
    return found


@pytest.mark.parametrize(
    "container",
    [
        {"command": ["trtllm-serve", MIXTRAL, "--tp_size", "8"]},
        {"command": ["trtllm-serve", "serve", MIXTRAL, "--tensor_parallel_size=8"]},
        {"command": ["trtllm-serve", "--trust_remote_code", "--tp_size=8", MIXTRAL]},
        {"image": TENSORRT_LLM_IMAGE, "args": ["trtllm-serve", MIXTRAL, "--tp_size=8"]},
        {"command": ["python3", "-m", "tensorrt_llm.commands.serve", MIXTRAL, "--tp_size=8"]},
        {
            "command": [
                "mpirun",
                "-n",
                "8",
                "trtllm-llmapi-launch",
                "trtllm-serve",
                MIXTRAL,
                "--tp_size=8",
            ]
        },
        {"command": ["sh", "-c", f"trtllm-serve {MIXTRAL} --tp_size ${{TP:-8}}"]},
        {"image": "mine", "args": [MIXTRAL, "--tp_size=8", "--free_gpu_memory_fraction=0.8"]},
    ],
)
def test_ways_to_start_a_server(container: dict[str, Any]) -> None:
    flags = flags_of(**container)
    assert flags is not None
    assert flags.layout() == ParallelLayout(8)
    assert flags.gpus_of_pod() == 8
    assert flags.sizes() == "--tp_size 8"
    assert flags.model() is MODELS[MIXTRAL]


@pytest.mark.parametrize(
    "container",
    [
        {"image": TENSORRT_LLM_IMAGE},
        {"image": TENSORRT_LLM_IMAGE, "command": ["trtllm-build", "--checkpoint_dir=/c"]},
        {"command": ["trtllm-serve", "disaggregated", "-c", "/etc/servers.yaml"]},
        {"command": ["trtllm-bench", "--model", MIXTRAL]},
    ],
)
def test_other_programs(container: dict[str, Any]) -> None:
    assert flags_of(**container) is None


@pytest.mark.parametrize(
    ("flags", "gpus", "spans"),
    [
        ([], 1, False),
        (["--tp_size=4", "--pp_size=2"], 8, False),
        (["--tp_size=4", "--cp_size=2"], 8, False),
        (["--tp_size=8", "--ep_size=8"], 8, False),
        (["--tp_size=16", "--gpus_per_node=8"], 8, True),
        (["--tp_size=8", "--pp_size=2", "--gpus_per_node", "8"], 8, True),
        (["--tp_size=4", "--gpus_per_node=8"], 4, False),
    ],
)
def test_gpus_of_a_pod(flags: list[str], gpus: int, spans: bool) -> None:
    assert of(*flags).gpus_of_pod() == gpus
    assert of(*flags).spans_pods() is spans


@pytest.mark.parametrize(
    ("flags", "layout", "catalogued"),
    [
        (["--tp_size=8", "--ep_size=8"], ParallelLayout(8, expert_parallel=True), True),
        (["--tp_size=8", "--moe_expert_parallel_size=1"], ParallelLayout(8), True),
        (["--tp_size=8", "--ep_size=4"], ParallelLayout(8), False),
        (["--tp_size=8", "--cp_size=2"], ParallelLayout(8), False),
        (["--tp_size=8", "--cluster_size=2"], ParallelLayout(8), False),
    ],
)
def test_the_layout(flags: list[str], layout: ParallelLayout, catalogued: bool) -> None:
    assert of(*flags).layout() == layout
    assert of(*flags).is_catalogued_layout() is catalogued


def test_a_step() -> None:
    assert of().step() == Step(8192, 2048)
    assert of("--max_num_tokens=2048", "--max_batch_size", "64").step() == Step(2048, 64)


def test_its_share_is_of_what_weights_and_activations_leave() -> None:
    ratios = {"weights_ratio": 0.4, "overhead_ratio": 0.1}
    assert of().utilization(**ratios) == pytest.approx(0.5 + 0.9 * 0.5)
    flags = of("--kv_cache_free_gpu_memory_fraction=0.5")
    assert flags.utilization(**ratios) == pytest.approx(0.75)
    assert flags.utilization(weights_ratio=0.9, overhead_ratio=0.2) == pytest.approx(1.05)


@pytest.mark.parametrize("flag", ["--config", "--extra_llm_api_options"])
def test_a_file_may_set_what_is_absent(flag: str) -> None:
    with pytest.raises(UnreadableError, match="--tp_size may be set by the file of --config"):
        of(flag, "/etc/options.yaml").gpus_of_pod()
    assert of(flag, "/etc/options.yaml", "--tp_size=8").gpus_of_pod() == 8
