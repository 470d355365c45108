"""What a stack file may say, and the one message when it says something else."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from stacks import reading
from stacks.reading import SettingsError

Config = dict[str, Any]
LOCAL = reading.stack_file("local")


def refused(change: Callable[[Config], object]) -> list[reading.Problem]:
    config = copy.deepcopy(dict(YAML(typ="safe").load(LOCAL)["config"]))
    change(config)
    with pytest.raises(SettingsError) as error:
        reading.validated(config, LOCAL)
    return error.value.problems


def section(name: str, **values: object) -> Callable[[Config], object]:
    return lambda config: config[f"moe-serving:{name}"].update(values)


@pytest.mark.parametrize("stack", ["local", "dev", "staging", "prod"])
def test_every_stack_file_is_accepted(stack: str) -> None:
    assert reading.from_file(stack).memory_fit().fits


def test_the_stacks_are_the_four() -> None:
    assert reading.stack_names() == ["dev", "local", "prod", "staging"]


@pytest.mark.parametrize(
    ("change", "key", "says"),
    [
        (
            section("model_server", max_model_length=32768),
            "moe-serving:model_server.max_model_length",
            "did you mean max_model_len?",
        ),
        (
            # Where it was before there were several kinds of engine.
            section("model_server", gpu_memory_utilization=0.9),
            "moe-serving:model_server.gpu_memory_utilization",
            "did you mean engine.gpu_memory_utilization?",
        ),
        (
            section("model_server", engine={"kind": "vllm", "max_num_sequences": 9}),
            "moe-serving:model_server.engine.max_num_sequences",
            "did you mean max_num_seqs?",
        ),
        (
            lambda config: config.update({"moe-serving:modelserver": {}}),
            "moe-serving:modelserver",
            "did you mean model_server?",
        ),
        (section("model_server", replicas="1"), "moe-serving:model_server.replicas", '"1" is not'),
        (
            section("model_server", engine={"kind": "vllm", "gpu_memory_utilization": 1.2}),
            "moe-serving:model_server.engine.gpu_memory_utilization",
            "1.2 is not allowed; allowed: 0.5 to 0.95",
        ),
        (
            section("model_server", image="vllm/vllm-openai:latest"),
            "moe-serving:model_server.image",
            "tags move, digests do not",
        ),
        (
            section("model_server", tensor_parallel_size=3),
            "moe-serving:model_server.tensor_parallel_size",
            "allowed: 1, 2, 4, 8, which divide the 32 attention heads",
        ),
        (
            section("model_server", model="mistralai/Mixtral"),
            "moe-serving:model_server.model",
            "unknown model 'mistralai/Mixtral'; allowed: ",
        ),
        (
            section("model_server", memory_gib=64),
            "moe-serving:model_server.memory_gib",
            "64 is not allowed; allowed: 135 ",
        ),
        (
            section("model_server", max_model_len=40000),
            "moe-serving:model_server.max_model_len",
            "up to 32768",
        ),
        (
            section("gpu_node_group", instance_type="p4"),
            "moe-serving:gpu_node_group.instance_type",
            "unknown instance type 'p4'; allowed: p4d.24xlarge, p4de.24xlarge",
        ),
        (
            section("gpu_node_group", zone="us-east-1c"),
            "moe-serving:gpu_node_group.zone",
            "allowed: one of network.zones",
        ),
        (
            section("gpu_node_group", desired_nodes=5),
            "moe-serving:gpu_node_group.desired_nodes",
            "5 is not allowed; allowed: min_nodes 1 to max_nodes 2",
        ),
        (
            section("gpu_node_group", ami_release_version="1.34.2-20261015"),
            "moe-serving:gpu_node_group.ami_release_version",
            "a release of Kubernetes 1.35",
        ),
        (
            section("network", cidr_block="10.0.0.0/8"),
            "moe-serving:network.cidr_block",
            "from /16 to /20",
        ),
        (
            section("cluster", public_endpoint_cidrs=["0.0.0.0/0"]),
            "moe-serving:cluster.public_endpoint_cidrs",
            "ranges of your own",
        ),
        (
            section("alerts", vllm={"ttft_p99_s": 3.0}),
            "moe-serving:alerts.vllm.ttft_p99_s",
            "3 is not allowed; allowed: a bucket edge",
        ),
        (
            section("alerts", vllm={"queue_time_p99_s": 7.5}),
            "moe-serving:alerts.vllm.queue_time_p99_s",
            "7.5 is not allowed; allowed: a bucket edge of vLLM: 0.3, 0.5, 0.8,",
        ),
        (
            section("alerts", vllm={"inter_token_p99_s": 0.25}),
            "moe-serving:alerts.vllm.inter_token_p99_s",
            "0.25 is not allowed; allowed: a bucket edge of vLLM: 0.025, 0.05,",
        ),
        (
            section("alerts", slo={"ttft_s": 2.0}),
            "moe-serving:alerts.slo.ttft_s",
            "2 is not allowed; allowed: a bucket edge of vLLM: 0.1, 0.25,",
        ),
        (
            section("alerts", slo={"ttft_objective_ratio": 0.9}),
            "moe-serving:alerts.slo.ttft_objective_ratio",
            "0.9 is not allowed; allowed: above 0.9306 and below 1: a page asks for 14.4 times",
        ),
        (
            lambda config: config["moe-serving:network"].pop("zones"),
            "moe-serving:network.zones",
            "missing",
        ),
        (
            lambda config: config.update({"moe-serving:aws": "x"}),
            "moe-serving:aws",
            '"x" is not allowed',
        ),
    ],
)
def test_a_refusal_names_file_key_value_and_what_is_allowed(
    change: Callable[[Config], object], key: str, says: str
) -> None:
    (problem,) = refused(change)
    assert problem.file == "stacks/Pulumi.local.yaml"
    assert problem.key == key
    assert says in problem.message


def test_a_model_that_does_not_fit_says_need_have_and_what_would_fit() -> None:
    (problem,) = refused(section("model_server", model="mistralai/Mixtral-8x22B-Instruct-v0.1"))
    assert "need 43.4 GiB a GPU" in problem.message
    assert "have 36.2 GiB" in problem.message
    assert "p4de.24xlarge with tensor_parallel_size 8" in problem.message


def test_all_problems_come_at_once_with_their_lines() -> None:
    def two(config: Config) -> None:
        section("model_server", replicas=-1)(config)
        section("network", nat_gateways="two")(config)

    problems = refused(two)
    assert [p.key for p in problems] == [
        "moe-serving:network.nat_gateways",
        "moe-serving:model_server.replicas",
    ]
    lines = LOCAL.read_text().splitlines()
    assert problems[1].line is not None
    assert "replicas" in lines[problems[1].line - 1]


def test_a_stack_that_does_not_exist() -> None:
    with pytest.raises(SettingsError, match="no such stack.*did you mean prod"):
        reading.from_file("prd")


def test_engine_configuration_is_read_like_the_file() -> None:
    import json

    config = YAML(typ="safe").load(LOCAL)["config"]
    values = {key: json.dumps(value) for key, value in config.items()}
    assert reading.from_pulumi_config(values, "local") == reading.from_file("local")


def test_a_waiver_s_day_needs_no_quotes(tmp_path: Path) -> None:
    given = reading.stack_file("dev").read_text()
    waiver = "{policy: p, resource: r, reason: why, owner: who, expires: 2026-12-31}"
    head, rest = given.split("config:\n", 1)
    text = f"{head}config:\n  moe-serving:waivers: [{waiver}]\n{rest}"
    path = tmp_path / "Pulumi.dev.yaml"
    path.write_text(text)
    (read,) = reading.validated(reading.config_of(path), path).waivers
    assert str(read.expires) == "2026-12-31"
