from typing import Any

import pytest

from catalog.gpu_overhead import Step
from catalog.memory_fit import MAX_GPU_MEMORY_UTILIZATION
from catalog.models import MODELS
from catalog.parallel_layout import ParallelLayout
from policies.review import UnreadableError
from policies.servers.command_lines import started_server
from policies.servers.sglang_flags import SglangFlags
from tests.policies.engine_input import IMAGE, MIXTRAL, proxied
from tests.policies.engine_servers import SGLANG_IMAGE, sglang

MODULE = "sglang.launch_server"


def flags_of(**container: Any) -> SglangFlags | None:
    started = started_server(proxied(container))
    if started is None or started.engine != "sglang":
        return None
    return SglangFlags.parse(started.arguments, started.surroundings)


def of(*flags: Any) -> SglangFlags:
    found = flags_of(**sglang(*flags))
    assert found is not None
    return found


@pytest.mark.parametrize(
    "container",
    [
        {"command": ["python3", "-m", MODULE, "--model-path", MIXTRAL, "--tp", "8"]},
        {"command": ["python3", "-m", MODULE], "args": [f"--model={MIXTRAL}", "--tp-size=8"]},
        {
            "command": [
                "python",
                "/sgl-workspace/sglang/launch_server.py",
                "--tp=8",
                "--model",
                MIXTRAL,
            ]
        },
        {"command": ["sglang", "serve", MIXTRAL, "--tensor-parallel-size", "8"]},
        {"command": ["sglang", "serve", "--model-path", MIXTRAL, "--tensor_parallel_size=8"]},
        {"image": SGLANG_IMAGE, "args": ["python3", "-m", MODULE, "--tp=8", "--model", MIXTRAL]},
        {"image": SGLANG_IMAGE, "args": ["--model-path", MIXTRAL, "--tp", "8"]},
        {"image": IMAGE, "args": ["--model-path", MIXTRAL, "--mem-fraction-static=0.8", "--tp=8"]},
        {"image": SGLANG_IMAGE, "command": ["run"], "args": [MIXTRAL, "--tensor-parallel-size=8"]},
        {"command": ["sh", "-c", f"TP=8; exec python3 -m {MODULE} --tp $TP --model {MIXTRAL}"]},
    ],
)
def test_ways_to_start_a_server(container: dict[str, Any]) -> None:
    flags = flags_of(**container)
    assert flags is not None
    assert flags.layout() == ParallelLayout(8)
    assert flags.gpus_of_pod() == 8
    assert flags.sizes() == "--tp-size 8"
    if container.get("command") != ["run"]:
        assert flags.model() is MODELS[MIXTRAL]


@pytest.mark.parametrize(
    "container",
    [
        {"image": SGLANG_IMAGE},
        {"image": SGLANG_IMAGE, "args": ["bash"]},
        {"image": SGLANG_IMAGE, "command": ["sleep", "inf"]},
        {"image": "lmsysorg/sglang-router", "args": ["--worker-urls", "http://a"]},
        {"command": ["sglang", "generate", "--model-path", MIXTRAL]},
        {"command": ["python", "-m", "sglang_router.launch_router", "--policy=random"]},
    ],
)
def test_other_programs(container: dict[str, Any]) -> None:
    assert flags_of(**container) is None


@pytest.mark.parametrize(
    ("flags", "gpus", "pods", "sizes"),
    [
        ([], 1, 1, "--tp-size 1"),
        (["--tp=4", "--dp=2"], 8, 1, "--tp-size 4 x --dp-size 2"),
        (["--tp=8", "--dp=8", "--enable-dp-attention"], 8, 1, "--tp-size 8 x --dp-size 8"),
        (["--tp=8", "--attn-dp-size=8"], 8, 1, "--tp-size 8"),
        (["--tp=4", "--pp-size=2"], 8, 1, "--tp-size 4 x --pp-size 2"),
        (["--tp=16", "--nnodes=2", "--node-rank=1"], 8, 2, "--tp-size 16 x --nnodes 2"),
        (
            ["--tp=8", "--pp=2", "--nnodes", "2"],
            8,
            2,
            "--tp-size 8 x --pp-size 2 x --nnodes 2",
        ),
    ],
)
def test_gpus_of_a_pod(flags: list[str], gpus: int, pods: int, sizes: str) -> None:
    found = of(*flags)
    assert found.gpus_of_pod() == gpus
    assert found.pods_of_engine() == pods
    assert found.spans_pods() is (pods > 1)
    assert found.sizes() == sizes


@pytest.mark.parametrize(
    ("flags", "layout"),
    [
        (["--tp=8", "--ep=8"], ParallelLayout(8, expert_parallel=True)),
        (["--tp=8", "--expert-parallel-size=1"], ParallelLayout(8)),
        (["--tp=8", "--moe-a2a-backend=deepep"], ParallelLayout(8, expert_parallel=True)),
        (["--tp=8", "--moe-a2a-backend", "none"], ParallelLayout(8)),
        (
            ["--tp=8", "--ep-size=8", "--enable-eplb", "--ep-num-redundant-experts=8"],
            ParallelLayout(8, expert_parallel=True, redundant_experts=8),
        ),
        (["--tp=4", "--dp=2", "--pp-size", "2"], ParallelLayout(4, 2)),
    ],
)
def test_the_layout_of_one_copy(flags: list[str], layout: ParallelLayout) -> None:
    assert of(*flags).layout() == layout
    assert of(*flags).is_catalogued_layout()


@pytest.mark.parametrize(
    "flags",
    [
        ["--tp=8", "--ep=4"],
        ["--tp=8", "--attn-dp-size=2"],
        ["--tp=8", "--dp=2", "--enable-dp-attention"],
        ["--tp=8", "--attn-cp-size=2"],
        ["--tp=8", "--dcp-size=2"],
    ],
)
def test_ways_of_cutting_that_the_catalogue_lacks(flags: list[str]) -> None:
    assert not of(*flags).is_catalogued_layout()


@pytest.mark.parametrize(
    ("flags", "step"),
    [
        ([], Step(4096, 160)),
        (["--chunked-prefill-size=8192", "--max-running-requests=64"], Step(8192, 64)),
        (["--chunked-prefill-size", "-1"], Step(16384, 160)),
    ],
)
def test_a_step(flags: list[str], step: Step) -> None:
    assert of(*flags).step() == step


def test_its_share_is_for_weights_and_kv_cache() -> None:
    ratios = {"weights_ratio": 0.3, "overhead_ratio": 0.125}
    assert of("--mem-fraction-static=0.75").utilization(**ratios) == 0.875
    assert of().share() is None
    assert of().utilization(**ratios) == MAX_GPU_MEMORY_UTILIZATION


@pytest.mark.parametrize("share", ["0", "-1", "1.1", "nan", "80%", ""])
def test_what_is_no_share(share: str) -> None:
    with pytest.raises(UnreadableError, match="no share of a GPU"):
        of(f"--mem-fraction-static={share}").share()


def test_a_file_may_set_what_is_absent() -> None:
    with pytest.raises(UnreadableError, match="--tp-size may be set by the file of --config"):
        of("--config=/etc/sglang.yaml").gpus_of_pod()


def test_what_is_beside_its_share_follows_from_model_and_cut() -> None:
    model = MODELS[MIXTRAL]
    eight = of("--tp=8").beside_share_gib(model)
    assert 2 < eight < 8
    assert of("--tp=8", "--chunked-prefill-size=16384").beside_share_gib(model) > eight
    assert of("--tp=1").beside_share_gib(model) > of("--tp=2").beside_share_gib(model) - 2


@pytest.mark.parametrize(
    ("flags", "as_catalogued"),
    [([], True), (["--quantization", "fp8"], False), (["--dtype=float32"], False)],
)
def test_the_width_of_the_weights(flags: list[str], as_catalogued: bool) -> None:
    assert of(*flags).weights_as_catalogued(MODELS[MIXTRAL]) is as_catalogued
