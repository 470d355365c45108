import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi_policy.proxy import UnknownValueError

from catalog.models import MODELS, Quantization
from catalog.parallel_layout import ParallelLayout
from policies.review import UnreadableError
from policies.servers.command_lines import started_server
from policies.servers.vllm_flags import MAX_MODEL_LEN, TENSOR_PARALLEL, VllmFlags
from tests.policies.engine_input import DIGEST, FUZZ, IMAGE, MIXTRAL, UNKNOWN, proxied

REVISION = "eba92302a2861cdc0098cc54bc9f17cb2c47eb61"


def flags_of(**container: object) -> VllmFlags | None:
    started = started_server(proxied(container))
    if started is None:
        return None
    assert started.engine == "vllm"
    return VllmFlags.parse(started.arguments)


def tensor_parallel(**container: object) -> int | None:
    flags = flags_of(**container)
    return None if flags is None else flags.whole_number(TENSOR_PARALLEL, 1)


SCRIPT_WITH_LINES = f"""
set -e
echo "starting on $HOSTNAME" -tp 3
export NCCL_DEBUG=INFO; ulimit -n 65536
exec vllm serve {MIXTRAL} \\
    --tensor-parallel-size 8 \\
    --port 8000 2>&1 | tee /tmp/log -tp 5
"""


@pytest.mark.parametrize(
    "container",
    [
        {"image": IMAGE, "args": [MIXTRAL, "-tp", "8"]},
        {"image": IMAGE, "args": ["--model", MIXTRAL, "-tp", "8"]},
        {"image": f"registry:5000/team/my-vllm-efa@{DIGEST}", "args": [MIXTRAL, "-tp=8"]},
        {"image": "engine", "args": [MIXTRAL, "--tensor-parallel-size=8"]},
        {"command": ["vllm", "serve", MIXTRAL, "-tp", "8"]},
        {"command": ["vllm", "serve"], "args": [MIXTRAL, "-tp", "8"]},
        {"command": ["/usr/bin/env", "vllm", "serve", MIXTRAL], "args": ["-tp", "8"]},
        {"command": ["tini", "--", "vllm", "serve", MIXTRAL, "-tp=8"]},
        {"command": ["python3", "-m", "vllm.entrypoints.openai.api_server"], "args": ["-tp", "8"]},
        {"command": ["python3", "/src/vllm/entrypoints/openai/api_server.py", "-tp=8"]},
        {"command": ["python3", "-m", "vllm.entrypoints.cli.main", "serve", MIXTRAL, "-tp=8"]},
        {"command": ["sh", "-c", f"vllm serve {MIXTRAL} -tp 8"]},
        {"command": ["/bin/bash", "-lc"], "args": [f"vllm serve {MIXTRAL} -tp=8"]},
        {"command": ["bash", "-euxo", "pipefail", "-c", f"vllm serve '{MIXTRAL}' -tp \"8\""]},
        {"command": ["sh", "-c", SCRIPT_WITH_LINES]},
        {"command": ["sh", "-c", f"sleep 1 && (vllm serve {MIXTRAL} -tp 8)"]},
        {"command": ["sh", "-c", f"bash -c 'vllm serve {MIXTRAL} -tp 8'"]},
        {"command": ["sh", "-c", f"vllm serve {MIXTRAL} ${{FLAGS:--tp 8}}"]},
        {"command": ["sh", "-c", 'exec vllm serve "$@"', "--"], "args": [MIXTRAL, "-tp", "8"]},
        {"command": ["sh", "-c", f"cat <<E\nit's\nE\nvllm serve {MIXTRAL} -tp 8"]},
        {"command": ["my-launcher"], "args": [MIXTRAL, "--tensor-parallel-size", "8"]},
        {"command": ["vllm", "serve", MIXTRAL, "-tp", 8]},
        {"image": IMAGE, "args": [MIXTRAL, "-tp=2", "--tensor-parallel-size", "8"]},
        {"image": IMAGE, "args": [MIXTRAL, "--enable-expert-parallel", "-tp=8"]},
    ],
)
def test_ways_to_start_a_server(container: dict[str, object]) -> None:
    assert tensor_parallel(**container) == 8


@pytest.mark.parametrize(
    ("args", "env"),
    [
        (["-tp", "$(GPUS)"], [{"name": "GPUS", "value": "8"}]),
        (
            ["--tensor-parallel-size=$(GPUS)"],
            [None, {"name": UNKNOWN}, {"name": "GPUS", "value": "8"}],
        ),
    ],
)
def test_variables_of_the_container(args: list[str], env: list[object]) -> None:
    assert tensor_parallel(image=IMAGE, args=[MIXTRAL, *args], env=env) == 8
    assert (
        tensor_parallel(
            command=["sh", "-c", "vllm serve m -tp $GPUS"], env=[{"name": "GPUS", "value": "8"}]
        )
        == 8
    )


@pytest.mark.parametrize(
    "container",
    [
        {},
        {"image": "nginx"},
        {"image": "vllm/other", "args": ["x"]},
        {"image": IMAGE, "command": ["hf", "download", MIXTRAL]},
        {"image": IMAGE, "command": ["sleep", "inf"]},
        {"image": IMAGE, "command": ["sh", "-c", "until curl leader; do sleep 1; done"]},
        {"image": IMAGE, "command": ["vllm", "bench"]},
        {"image": "nginx", "args": ["-g", "daemon off;"]},
        {"image": None, "args": None, "command": {}},
        {"command": ["sh"]},
        {"command": ["sh", "-c"]},
        {"command": ["sh", "-c", ""]},
    ],
)
def test_other_programs(container: dict[str, object]) -> None:
    assert flags_of(**container) is None


@pytest.mark.parametrize(
    "args",
    [
        [MIXTRAL],
        ["--port", "8000", "--model", MIXTRAL],
        [f"--model={MIXTRAL}"],
        ["--enable-expert-parallel", MIXTRAL],
        ["--enforce-eager", "--port", "8000", MIXTRAL],
        ["/models/Mixtral-8x7B-Instruct-v0.1"],
        ["s3://bucket/mixtral-8x7b-instruct-v0.1/"],
        [f"s3://bucket/models/{MIXTRAL}/{REVISION}"],
        [f"/models/{MIXTRAL}/{REVISION}/"],
        ["--model", f"/models/mixtral-8x7b-instruct-v0.1/{REVISION}"],
        ["$(MODEL)"],
    ],
)
def test_the_model(args: list[str]) -> None:
    flags = flags_of(image=IMAGE, args=args, env=[{"name": "MODEL", "value": MIXTRAL}])
    assert flags is not None
    assert flags.model() is MODELS[MIXTRAL]


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["other/model"],
        ["--port", "8000"],
        ["$(MODEL)"],
        [REVISION],
        [f"/models/other/{REVISION}"],
        [f"/models/{MIXTRAL}/{REVISION[:-1]}"],
        [f"/models/{MIXTRAL}/{REVISION}/{REVISION}"],
        ["/"],
    ],
)
def test_a_model_that_the_catalogue_lacks(args: list[str]) -> None:
    flags = flags_of(image=IMAGE, args=args)
    assert flags is not None
    assert flags.model() is None


@pytest.mark.parametrize(
    ("args", "stays"),
    [
        (["-tp", "8"], True),
        (["-tp", "4", "-dp", "2"], True),
        (["-tp", "8", "-pp", "1", "--nnodes=1"], True),
        (["-tp", "4", "-pp", "2"], True),
        (["-tp", "4", "-pp", "2", "--nnodes=2"], False),
        (["-tp", "4", "-pp", "2", "--nnodes", "$(LWS_GROUP_SIZE)"], False),
        (["-tp", "8", "--nnodes", "2"], False),
        (["-tp", "8", "-dp", "16", "--data-parallel-size-local", "8"], False),
        (["-tp", "8", "-dp", "2", "--data-parallel-external-lb"], False),
        (["-tp", "16", "--distributed-executor-backend", "ray"], False),
        (["-tp", "8", "--kv-transfer-config", "{}"], False),
    ],
)
def test_an_engine_stays_in_its_pod(args: list[str], stays: bool) -> None:
    flags = flags_of(image=IMAGE, args=[MIXTRAL, *args])
    assert flags is not None
    assert flags.stays_in_its_pod() is stays


@pytest.mark.parametrize(
    ("args", "layout"),
    [
        ([], ParallelLayout(1)),
        (["-tp", "4", "-pp", "2", "-dp=2"], ParallelLayout(4, 2, 2)),
        (["-tp", "4", "-ep", "-dp", "2"], ParallelLayout(4, 1, 2, True)),
        (["--enable-expert-parallel", "-tp", "4"], ParallelLayout(4, 1, 1, True)),
        (["--enable_expert_parallel", "-tp", "4"], ParallelLayout(4, 1, 1, True)),
        (["-ep", "-tp", "4", "--no-enable-expert-parallel"], ParallelLayout(4)),
        (["--eplb-config", '{"num_redundant_experts": 2}'], ParallelLayout(1, 1, 1, False, 2)),
        (["--eplb-config.num_redundant_experts", "2"], ParallelLayout(1, 1, 1, False, 2)),
        (["--eplb-config.num_redundant_experts=2", "-tp=2"], ParallelLayout(2, 1, 1, False, 2)),
        (["--eplb-config.window_size", "2"], ParallelLayout(1)),
        (["--max-num-queued-reqs", "4", "--headless", "-tp", "2"], ParallelLayout(2)),
    ],
)
def test_the_layout(args: list[str], layout: ParallelLayout) -> None:
    flags = flags_of(image=IMAGE, args=[MIXTRAL, *args])
    assert flags is not None
    assert flags.layout() == layout


@pytest.mark.parametrize(
    ("args", "pods"),
    [
        (["-tp", "8"], 1),
        (["-tp", "8", "-pp", "2", "-n", "2"], 2),
        (["-tp", "8", "-dp", "4", "-dpl", "1"], 4),
        (["-tp", "8", "-dp", "4", "--data-parallel-rank", "1"], 4),
        (["-tp", "8", "-pp", "2", "--distributed-executor-backend=ray"], None),
    ],
)
def test_pods_of_an_engine(args: list[str], pods: int | None) -> None:
    flags = flags_of(image=IMAGE, args=[MIXTRAL, *args])
    assert flags is not None
    assert flags.pods_of_engine() == pods


@pytest.mark.parametrize(
    ("args", "as_catalogued"),
    [
        ([], True),
        (["--dtype=half"], True),
        (["--dtype=float32"], False),
        (["--quantization=awq"], False),
    ],
)
def test_the_width_of_the_weights(args: list[str], as_catalogued: bool) -> None:
    flags = flags_of(image=IMAGE, args=[MIXTRAL, *args])
    assert flags is not None
    assert flags.weights_as_catalogued(MODELS[MIXTRAL]) is as_catalogued


@pytest.mark.parametrize(
    ("args", "as_catalogued"),
    [([], True), (["-q=awq"], True), (["-q", "awq_marlin"], True), (["-q", "gptq"], False)],
)
def test_the_width_of_weights_that_are_quantized(args: list[str], as_catalogued: bool) -> None:
    quantization = Quantization(method="awq", bits=4, group_size=128)
    model = MODELS[MIXTRAL].model_copy(update={"quantization": quantization})
    flags = flags_of(image=IMAGE, args=[MIXTRAL, *args])
    assert flags is not None
    assert flags.weights_as_catalogued(model) is as_catalogued


@pytest.mark.parametrize(
    ("text", "number"), [("32768", 32768), ("32k", 32000), ("32K", 32768), ("1.5k", 1500)]
)
def test_human_numbers(text: str, number: int) -> None:
    flags = flags_of(image=IMAGE, args=[MIXTRAL, f"--max-model-len={text}"])
    assert flags is not None
    assert flags.whole_number(MAX_MODEL_LEN, 1) == number


@pytest.mark.parametrize("text", ["", "0", "-1", "auto", "1.5", "1e3", "0x8", "٣", "$N", "8 8"])
def test_what_is_no_whole_number(text: str) -> None:
    with pytest.raises(UnreadableError, match="whole number"):
        tensor_parallel(image=IMAGE, args=[MIXTRAL, f"-tp={text}"])


@pytest.mark.parametrize(
    "container",
    [
        {"image": IMAGE, "args": UNKNOWN},
        {"image": IMAGE, "command": UNKNOWN},
        {"image": UNKNOWN, "args": [MIXTRAL]},
        {"image": IMAGE, "args": [MIXTRAL, UNKNOWN]},
        {"image": IMAGE, "args": [MIXTRAL, "-tp", UNKNOWN]},
        {"command": ["sh", "-c", UNKNOWN]},
    ],
)
def test_unknowns_are_raised(container: dict[str, object]) -> None:
    with pytest.raises(UnknownValueError):
        tensor_parallel(**container)


def test_a_flag_beside_an_unknown_is_read() -> None:
    assert tensor_parallel(image=IMAGE, args=[MIXTRAL, UNKNOWN, "-tp", "8", UNKNOWN]) == 8
    assert tensor_parallel(image=UNKNOWN, args=[UNKNOWN, "--tensor-parallel-size=8"]) == 8


words = st.text(max_size=20) | st.sampled_from(
    [
        "sh",
        "-c",
        "vllm",
        "serve",
        "-tp",
        "--model",
        "--eplb-config.x",
        "'",
        '"',
        "$@",
        "${A:-",
        "$(",
        "8",
        UNKNOWN,
    ]
)


@FUZZ
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "image": words,
            "command": st.lists(words, max_size=6) | words,
            "args": st.lists(words | st.none() | st.floats(allow_nan=False, allow_infinity=False)),
            "env": st.lists(st.dictionaries(st.sampled_from(["name", "value"]), words)),
        },
    )
)
def test_no_command_line_crashes_it(container: dict[str, object]) -> None:
    try:
        flags = flags_of(**container)
        if flags is not None:
            flags.model()
            flags.gpus_of_pod()
            flags.layout()
            flags.spans_pods()
    except (UnknownValueError, UnreadableError):
        pass
