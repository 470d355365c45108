from typing import Any

import pytest
from pulumi_policy.proxy import UnknownValueError

from catalog.gpu_overhead import Step
from catalog.models import MODELS
from catalog.parallel_layout import ParallelLayout
from policies.review import UnreadableError
from policies.servers.command_lines import started_server
from policies.servers.tgi_flags import TgiFlags
from tests.policies.engine_input import DIGEST, GPU, MIXTRAL, UNKNOWN, proxied
from tests.policies.engine_servers import TGI_IMAGE, tgi

LAUNCHER = "text-generation-launcher"


def flags_of(**container: Any) -> TgiFlags | None:
    started = started_server(proxied(container))
    if started is None or started.engine != "tgi":
        return None
    return TgiFlags.parse(started.arguments, started.surroundings)


def of(container: dict[str, Any]) -> TgiFlags:
    flags = flags_of(**container)
    assert flags is not None
    return flags


def variables(**values: Any) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in values.items()]


@pytest.mark.parametrize(
    "container",
    [
        {"image": TGI_IMAGE, "args": ["--model-id", MIXTRAL, "--num-shard", "8"]},
        {"image": TGI_IMAGE, "args": [f"--model-id={MIXTRAL}", "--num-shard=8"]},
        {"image": TGI_IMAGE, "env": variables(MODEL_ID=MIXTRAL, NUM_SHARD="8")},
        {
            "image": f"registry:5000/my-text-generation-inference@{DIGEST}",
            "args": ["--num-shard=8"],
            "env": variables(MODEL_ID=MIXTRAL),
        },
        {"command": [LAUNCHER, "--model-id", MIXTRAL], "args": ["--num-shard=8"]},
        {"command": [f"/usr/local/bin/{LAUNCHER}", f"--model-id={MIXTRAL}", "--num-shard=8"]},
        {"command": ["sh", "-c", f"exec {LAUNCHER} --model-id '{MIXTRAL}' --num-shard \"8\""]},
        {"command": ["sh", "-c", f"NUM_SHARD=8 MODEL_ID={MIXTRAL} {LAUNCHER}"]},
        {"command": ["env", "NUM_SHARD=8", f"MODEL_ID={MIXTRAL}", LAUNCHER, "--json-output"]},
        {"command": ["bash", "-c", f"export NUM_SHARD=8 MODEL_ID={MIXTRAL}\n{LAUNCHER}"]},
        {
            "command": [
                "bash",
                "-c",
                f"N=8; export N; {LAUNCHER} --num-shard $N --model-id {MIXTRAL}",
            ]
        },
        {
            "command": ["bash", "-c", f"NUM_SHARD=8\n{LAUNCHER} --model-id={MIXTRAL}"],
            "env": variables(NUM_SHARD="4"),
        },
        {"image": "mine", "args": ["--model-id", MIXTRAL, "--num-shard", "8"]},
        {
            "image": TGI_IMAGE,
            "args": ["--num-shard", "8"],
            "env": variables(MODEL_ID=MIXTRAL, NUM_SHARD="2"),
        },
        {"image": TGI_IMAGE, "env": variables(N="8", NUM_SHARD="$(N)", MODEL_ID=MIXTRAL)},
        {
            "image": TGI_IMAGE,
            "args": ["--sharded", "false", "--num-shard=8", "--model-id", MIXTRAL],
        },
    ],
)
def test_ways_to_start_a_server(container: dict[str, Any]) -> None:
    flags = of(container)
    assert flags.layout() == ParallelLayout(8)
    assert flags.gpus_of_pod() == 8
    assert flags.sizes() == "--num-shard 8"
    assert flags.model() is MODELS[MIXTRAL]
    assert not flags.takes_all_gpus()


@pytest.mark.parametrize(
    "container",
    [
        {"image": TGI_IMAGE, "command": ["sleep", "inf"]},
        {"image": TGI_IMAGE, "command": ["text-generation-server", "download-weights", MIXTRAL]},
        {"image": "ghcr.io/huggingface/text-embeddings-inference", "args": ["--model-id", "bge"]},
        {"image": "nginx", "env": variables(NUM_SHARD="8")},
    ],
)
def test_other_programs(container: dict[str, Any]) -> None:
    assert flags_of(**container) is None


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"env": variables(NVIDIA_VISIBLE_DEVICES="all")},
        {"env": variables(NVIDIA_VISIBLE_DEVICES="void")},
        {"env": variables(CUDA_VISIBLE_DEVICES=UNKNOWN)},
        {"env": [{"name": "NVIDIA_VISIBLE_DEVICES", "valueFrom": {"fieldRef": {}}}]},
    ],
)
@pytest.mark.parametrize("flags", [[], ["--sharded", "true"]])
def test_without_a_number_of_shards_it_takes_all_gpus(
    flags: list[str], fields: dict[str, Any]
) -> None:
    found = of(tgi(*flags, gpus=4, **fields))
    assert found.takes_all_gpus()
    assert found.gpus_of_pod() == 4
    assert found.layout() == ParallelLayout(4)
    assert found.sizes() == "no --num-shard, so the GPUs that it is shown"


@pytest.mark.parametrize(
    ("container", "gpus"),
    [
        (tgi("--sharded", "false"), 1),
        (tgi(env=variables(SHARDED="false")), 1),
        (tgi(env=variables(CUDA_VISIBLE_DEVICES="0,1")), 2),
        (tgi(env=variables(NVIDIA_VISIBLE_DEVICES="GPU-a,GPU-b,GPU-c")), 3),
    ],
)
def test_shards_that_are_not_said_as_such(container: dict[str, Any], gpus: int) -> None:
    assert of(container).gpus_of_pod() == gpus
    assert not of(container).takes_all_gpus()


@pytest.mark.parametrize("gpus", [None, "", "all", 0, "0.5", -1])
def test_all_of_no_number_of_gpus_is_no_number(gpus: Any) -> None:
    with pytest.raises(UnreadableError, match="all GPUs of its container, whose limit is"):
        of(tgi(gpus=gpus)).gpus_of_pod()


@pytest.mark.parametrize(
    "container",
    [
        tgi("--num-shard", UNKNOWN),
        tgi(UNKNOWN),
        tgi(env=variables(NUM_SHARD=UNKNOWN)),
        tgi(env=[{"name": UNKNOWN, "value": "8"}]),
        tgi(envFrom=[UNKNOWN]),
        tgi(gpus=UNKNOWN),
    ],
)
def test_unknowns_are_raised(container: dict[str, Any]) -> None:
    with pytest.raises(UnknownValueError):
        of(container).gpus_of_pod()


def test_what_a_config_map_may_set_is_unreadable() -> None:
    container = tgi(envFrom=[{"configMapRef": {"name": "tgi"}}])
    with pytest.raises(UnreadableError, match="--num-shard may be set by a ConfigMap of envFrom"):
        of(container).gpus_of_pod()
    assert of({**container, "env": variables(NUM_SHARD="8")}).gpus_of_pod() == 8
    assert of(tgi(envFrom=[{"secretRef": {"name": "token"}}])).gpus_of_pod() == 8


def test_a_variable_of_a_secret_is_unreadable() -> None:
    env = [{"name": "NUM_SHARD", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}}]
    with pytest.raises(UnreadableError, match="whole number"):
        of(tgi(env=env)).gpus_of_pod()


@pytest.mark.parametrize(
    "script",
    [
        "if true; then NUM_SHARD=8; else NUM_SHARD=4; fi; export NUM_SHARD",
        "export NUM_SHARD=$(nvidia-smi -L | wc -l)",
        "export NUM_SHARD=`cat /gpus`",
        "export NUM_SHARD=$GPUS",
    ],
)
def test_a_variable_that_a_script_computes_is_unreadable(script: str) -> None:
    command = ["bash", "-c", f"{script}; exec {LAUNCHER} --model-id {MIXTRAL}"]
    with pytest.raises(UnreadableError, match="whole number"):
        of({"command": command}).gpus_of_pod()


def test_a_variable_that_is_not_exported_is_none_of_the_server() -> None:
    script = f"NUM_SHARD=2; {LAUNCHER} --model-id {MIXTRAL}"
    container = {"command": ["sh", "-c", script], "resources": {"limits": {GPU: 8}}}
    assert of(container).gpus_of_pod() == 8


@pytest.mark.parametrize(
    ("flags", "longest", "step"),
    [
        ([], 4096, Step(4145, 128)),
        (["--max-total-tokens=32768", "--max-input-tokens", "32000"], 32768, Step(32050, 128)),
        (["--max-input-length", "1000"], 4096, Step(1050, 128)),
        (["--max-batch-prefill-tokens=2000", "--max-concurrent-requests=9"], 4096, Step(2000, 9)),
    ],
)
def test_tokens(flags: list[str], longest: int, step: Step) -> None:
    found = of(tgi(*flags))
    assert found.longest_sequence(MODELS[MIXTRAL]) == longest
    assert found.step() == step


@pytest.mark.parametrize(
    ("flags", "as_catalogued"),
    [
        ([], True),
        (["--dtype", "bfloat16"], True),
        (["--quantize", "eetq"], False),
        (["--trust-remote-code", "--quantize=fp8"], False),
    ],
)
def test_the_width_of_the_weights(flags: list[str], as_catalogued: bool) -> None:
    assert of(tgi(*flags)).weights_as_catalogued(MODELS[MIXTRAL]) is as_catalogued


@pytest.mark.parametrize(
    ("flags", "share", "of_gpu"), [([], 1.0, 0.96), (["--cuda-memory-fraction=0.8"], 0.8, 0.78)]
)
def test_its_share_of_gpu_memory(flags: list[str], share: float, of_gpu: float) -> None:
    found = of(tgi(*flags))
    assert found.share() == share
    assert found.utilization(weights_ratio=0.5, overhead_ratio=0.1) == pytest.approx(of_gpu)
