"""The same server is judged the same, however its command line is written."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from policies.gpu import gpu_limits, server_layout
from policies.memory import gpu_memory_utilization, memory_limit, model_fits, shared_memory
from tests.policies.engine_input import (
    DEPLOYMENT,
    FUZZ,
    GPU,
    IMAGE,
    MIXTRAL,
    MIXTRAL_LARGE,
    check,
    check_stack,
    deployment,
    resource,
)
from tests.policies.engine_servers import SGLANG_IMAGE, TENSORRT_LLM_IMAGE, TGI_IMAGE
from tests.policies.memory.test_model_fits import group

POLICIES = (gpu_limits, server_layout, gpu_memory_utilization, memory_limit, shared_memory)
NUMBERS = st.sampled_from(["1", "2", "3", "4", "8", "16"])
SHARES = st.sampled_from(["0.3", "0.8", "0.9", "0.99"])
TOKENS = st.sampled_from(["1024", "4096", "32768", "65536"])


@dataclass(frozen=True)
class Engine:
    """`program` starts it; each of `flags` has a name or several, and values.

    `positional` where the model is a word of its own after the program, as `model_flag` may say
    as well. `in_variables` where each flag is a variable too.
    """

    image: str
    program: tuple[str, ...]
    flags: Mapping[tuple[str, ...], st.SearchStrategy[str]]
    model_flag: tuple[str, ...] = ()
    positional: bool = False
    in_variables: bool = False
    is_entry_point: bool = False


ENGINES = {
    "vLLM": Engine(
        IMAGE,
        ("vllm", "serve"),
        {
            ("--tensor-parallel-size", "-tp", "--tensor_parallel_size", "--tensor-par"): NUMBERS,
            ("--pipeline-parallel-size", "-pp"): NUMBERS,
            ("--gpu-memory-utilization", "--gpu_memory_utilization"): SHARES,
            ("--max-model-len", "--max_model_len"): TOKENS,
        },
        model_flag=("--model",),
        positional=True,
        is_entry_point=True,
    ),
    "TGI": Engine(
        TGI_IMAGE,
        ("text-generation-launcher",),
        {
            ("--num-shard",): NUMBERS,
            ("--cuda-memory-fraction",): SHARES,
            ("--max-total-tokens",): TOKENS,
            ("--sharded",): st.sampled_from(["true", "false"]),
        },
        model_flag=("--model-id",),
        in_variables=True,
        is_entry_point=True,
    ),
    "SGLang": Engine(
        SGLANG_IMAGE,
        ("python3", "-m", "sglang.launch_server"),
        {
            ("--tp-size", "--tp", "--tensor-parallel-size", "--tp_size"): NUMBERS,
            ("--dp-size", "--dp", "--data-parallel-size"): NUMBERS,
            ("--ep-size", "--ep", "--expert-parallel-size"): NUMBERS,
            ("--mem-fraction-static", "--mem_fraction_static"): SHARES,
            ("--context-length",): TOKENS,
        },
        model_flag=("--model-path", "--model"),
    ),
    "TensorRT-LLM": Engine(
        TENSORRT_LLM_IMAGE,
        ("trtllm-serve",),
        {
            ("--tp_size", "--tensor_parallel_size"): NUMBERS,
            ("--pp_size", "--pipeline_parallel_size"): NUMBERS,
            ("--ep_size", "--moe_expert_parallel_size"): NUMBERS,
            ("--kv_cache_free_gpu_memory_fraction", "--free_gpu_memory_fraction"): SHARES,
            ("--max_seq_len",): TOKENS,
        },
        positional=True,
    ),
}

Given = tuple[tuple[tuple[str, ...], str], ...]
"""Names of each flag, and its value."""


def container(engine: Engine, **fields: Any) -> dict[str, Any]:
    limits = {GPU: "8", "memory": "300Gi"}
    resources = {"limits": limits, "requests": limits}
    return {"name": "server", "image": engine.image, "resources": resources, **fields}


def plain(engine: Engine, model: str, flags: Given) -> dict[str, Any]:
    """The first name of each flag, in order, in the command itself."""
    words = [] if engine.positional else [engine.model_flag[0], model]
    words += [word for names, value in flags for word in (names[0], value)]
    program = [*engine.program, model] if engine.positional else engine.program
    return container(engine, command=[*program, *words])


@st.composite
def written(draw: st.DrawFn, engine: Engine, model: str, flags: Given) -> dict[str, Any]:
    """Any way to write the same."""
    env: list[dict[str, str]] = []
    leading: list[str] = []
    following: list[list[str]] = []
    model_as_flag = engine.model_flag and (not engine.positional or draw(st.booleans()))
    everything = flags
    if model_as_flag:
        everything = (*flags, (engine.model_flag, model))
    else:
        leading = [model]
    for number, (names, value) in enumerate(everything):
        text = value
        if draw(st.booleans()):
            env.append({"name": f"V{number}", "value": value})
            text = f"$(V{number})"
        name = draw(st.sampled_from(names))
        variable = name[2:].replace("-", "_").upper()
        if engine.in_variables and draw(st.booleans()):
            env.append({"name": variable, "value": text})
            continue
        if engine.in_variables and draw(st.booleans()):
            env.append({"name": variable, "value": "what the flag hides"})
        following.append([f"{name}={text}"] if draw(st.booleans()) else [name, text])
    words = [*leading, *(word for flag in draw(st.permutations(following)) for word in flag)]
    program = [*draw(st.sampled_from([(), ("tini", "--"), ("env", "X=1")])), *engine.program]
    ways = ["command", "args", "both", "script"]
    way = draw(st.sampled_from([*ways, "image"] if engine.is_entry_point else ways))
    given_env = draw(st.permutations(env)) if way != "script" else env
    # A variable is put in where it was declared before: those of values come first.
    ordered = sorted(given_env, key=lambda each: not each["name"].startswith("V"))
    fields: dict[str, Any] = {"env": ordered}
    match way:
        case "command":
            fields["command"] = [*program, *words]
        case "args":
            fields["args"] = [*program, *words]
        case "both":
            fields |= {"command": program, "args": words}
        case "image":
            fields["args"] = words
        case _:
            fields |= draw(scripts(program, words))
    return container(engine, **fields)


@st.composite
def scripts(draw: st.DrawFn, program: Sequence[str], words: Sequence[str]) -> dict[str, Any]:
    """The command in a shell's script; `$(VAR)` in it is Kubernetes' own, as in any argument."""
    shell = draw(st.sampled_from(["sh", "/bin/bash", "/bin/sh"]))
    option = draw(st.sampled_from(["-c", "-ec", "-lc"]))
    before = draw(st.sampled_from(["", "set -e; ", "export HF_HOME=/data && ", "ulimit -l 9\n"]))
    exec_ = draw(st.sampled_from(["", "exec "]))
    if draw(st.booleans()):
        script = f'{before}{exec_}{shlex.join(program)} "$@"'
        return {"command": [shell, option, script, "--"], "args": list(words)}

    def quoted(word: str) -> str:
        if "$(" in word:
            return f'"{word}"'
        return draw(st.sampled_from([shlex.quote(word), f'"{word}"', f"'{word}'"]))

    joint = draw(st.sampled_from([" ", "  ", " \\\n    "]))
    script = before + exec_ + joint.join([*program, *map(quoted, words)])
    script += draw(st.sampled_from(["", "\n", " 2>&1 | tee /tmp/log", "; sleep 1"]))
    if draw(st.booleans()):
        return {"command": [shell, option], "args": [script]}
    return {"command": [shell, option, script]}


@st.composite
def pairs(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    engine = ENGINES[draw(st.sampled_from(sorted(ENGINES)))]
    model = draw(st.sampled_from([MIXTRAL, MIXTRAL_LARGE, "my/model"]))
    names = draw(st.lists(st.sampled_from(sorted(engine.flags)), unique=True))
    flags = tuple((each, draw(engine.flags[each])) for each in names)
    return plain(engine, model, flags), draw(written(engine, model, flags))


def judge(server: dict[str, Any]) -> list[str]:
    props = deployment(server)
    stack = [group("p4d.24xlarge"), resource(DEPLOYMENT, "model-server", props)]
    said = [check(module.POLICY, props) for module in POLICIES]
    said.append(check_stack(model_fits.POLICY, stack))
    return [text for each in said for text in (*each.refusals, *each.unchecked)]


@FUZZ
@given(pairs())
@example(
    (
        plain(ENGINES["TGI"], MIXTRAL, ((("--num-shard",), "4"),)),
        container(
            ENGINES["TGI"],
            command=[
                "sh",
                "-c",
                f"export NUM_SHARD=4; text-generation-launcher --model-id {MIXTRAL}",
            ],
        ),
    )
)
def test_however_it_is_written(pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    ours, theirs = pair
    assert judge(theirs) == judge(ours)


def test_what_is_compared_is_not_nothing() -> None:
    flags = ((("--num-shard",), "3"), (("--cuda-memory-fraction",), "0.3"))
    assert len(judge(plain(ENGINES["TGI"], MIXTRAL_LARGE, flags))) >= 4
