from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.images_and_secrets.container_secrets import POLICY
from tests.policies.engine_input import (
    FUZZ,
    IMAGE,
    TYPES,
    UNKNOWN,
    Said,
    check,
    deployment,
    pod,
    server,
    workload,
)
from tests.policies.test_plain_secrets import LETTERS, SHAPES

HIDDEN = "s3cr3t-and-hidden"
FROM_SECRET = {"secretKeyRef": {"name": "hugging-face", "key": "token"}}


def judge(**fields: Any) -> Said:
    said = check(POLICY, deployment({"name": "vllm", "image": IMAGE, **fields}))
    assert HIDDEN not in str(said)
    return said


def env(name: Any, value: Any) -> dict[str, Any]:
    return {"name": name, "value": value}


def test_a_variable_is_refused_by_its_name() -> None:
    said = judge(env=[env("HF_TOKEN", HIDDEN)]).only()
    assert said.startswith('Deployment "model-server", container "vllm": found variable HF_TOKEN ')
    assert "a secret by its name; allowed: valueFrom.secretKeyRef; fix: put it into a Se" in said


def test_a_variable_is_refused_by_its_shape() -> None:
    value = f"hf_{'a1' * 17}"
    said = judge(env=[env("EXTRA", value)]).only()
    assert "variable EXTRA with a value that is a Hugging Face token by its shape" in said
    assert value not in said


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "HF_TOKEN", "valueFrom": FROM_SECRET},
        {"name": "HF_TOKEN"},
        {"name": "HF_TOKEN", "value": ""},
        env("HF_TOKEN", "$(FROM_ELSEWHERE)"),
        env("HF_TOKEN_PATH", "/var/run/secrets/token"),
        env("GOOGLE_APPLICATION_CREDENTIALS", "/var/run/secrets/google.json"),
        env("OPENAI_API_KEY", "EMPTY"),
        env("VLLM_MAX_TOKENS", "8192"),
        env("NVIDIA_VISIBLE_DEVICES", "void"),
        env("PORT", 8000),
        env(7, HIDDEN),
        None,
        "HF_TOKEN",
    ],
)
def test_variables_that_are_allowed(entry: Any) -> None:
    assert judge(env=[entry]).nothing


@pytest.mark.parametrize(
    "words",
    [
        ["--api-key", HIDDEN],
        [f"--api-key={HIDDEN}"],
        ["--api_key", HIDDEN],
        [f"--hf-token={HIDDEN}", "--port=8000"],
        ["-c", f"vllm serve m --api-key {HIDDEN} --port 8000"],
        ["-c", f"vllm serve m \\\n  --api-key='{HIDDEN}'"],
        ["-c", f"export HF_TOKEN={HIDDEN}; vllm serve m"],
        ["-c", f"HF_TOKEN={HIDDEN} vllm serve 'm"],
        ["-c", f"KEY={HIDDEN}; vllm serve m --api-key $KEY"],
        ["-c", f"KEY='{HIDDEN}' && vllm serve m --api-key=\"${{KEY}}\""],
        ["-c", f"vllm serve m --api-key ${{VLLM_API_KEY:-{HIDDEN}}}"],
        [f"HF_TOKEN={HIDDEN}"],
        ["--set", f"auth.token={HIDDEN}"],
    ],
)
@pytest.mark.parametrize("field", ["command", "args"])
def test_words_are_refused_by_their_name(field: str, words: list[str]) -> None:
    said = judge(**{field: words}).only()
    assert "with a value that is a secret by its name; allowed: a variable from a Secret" in said


@pytest.mark.parametrize(
    "words",
    [["--api-key", "$(KEY)"], ["--api-key=$(KEY)"], ["-c", "vllm serve --api-key $KEY"]],
)
def test_a_reference_is_what_its_variable_is(words: list[str]) -> None:
    assert "command line: api-key" in judge(env=[env("KEY", HIDDEN)], args=words).only()
    assert judge(env=[{"name": "KEY", "valueFrom": FROM_SECRET}], args=words).nothing
    # The last of two of one name counts.
    twice = [env("KEY", HIDDEN), {"name": "KEY", "valueFrom": FROM_SECRET}]
    assert judge(env=twice, args=words).nothing


def test_a_variable_of_a_variable() -> None:
    assert "variable HF_TOKEN" in judge(env=[env("A", HIDDEN), env("HF_TOKEN", "$(A)")]).only()


@pytest.mark.parametrize(
    "words",
    [
        ["--api-key"],
        ["--api-key", "--port=8000"],
        ["--api-key=$(VLLM_API_KEY)"],
        ["--api-key-file=/run/key", "--tokenizer", "mistral", "--max-tokens=10", "token"],
        ["--max-num-batched-tokens=8192", "--max-num-queued-tokens", "100000"],
        ["-c", "vllm serve m --api-key ${VLLM_API_KEY}"],
        ["-c", "vllm serve m --api-key $KEY; echo"],
        ["-c", "(vllm serve m --api-key $KEY) & --api-key=moe-$KEY"],
        ["-c", 'KEY=$(cat /run/key); vllm serve m --api-key "$KEY"'],
        ["-c", "vllm serve m --api-key $(cat /run/key) --api-key=`cat /run/key`"],
        ["-c", "vllm serve m --api-key ${VLLM_API_KEY:-}"],
        ["python3", "-c", "parser.add_argument('--api-key', help='the key')\nprint(token)"],
        ["--url=http://localhost:8000/v1"],
        [7, None, {}],
    ],
)
def test_words_that_are_allowed(words: list[Any]) -> None:
    assert judge(args=words).nothing


@FUZZ
@given(data=st.data(), what=st.sampled_from(sorted(SHAPES)))
def test_a_shape_is_refused_in_a_variable_and_in_a_word_and_never_shown(
    data: st.DataObject, what: str
) -> None:
    value = data.draw(SHAPES[what])
    for given_ in ({"env": [env("EXTRA", value)]}, {"args": ["--extra", value]}):
        said = judge(**given_).only()
        assert what in said
        assert value not in said


@FUZZ
@given(value=st.text(LETTERS, min_size=12, max_size=40))
def test_a_value_is_never_shown(value: str) -> None:
    fields = {"env": [env("API_KEY", value)], "args": [f"--hf-token={value}", "--token", value]}
    said = check(POLICY, deployment({"name": "vllm", "image": IMAGE, **fields}))
    assert len(said.refusals) == 3
    assert value not in str(said)


@pytest.mark.parametrize("kind", TYPES)
def test_every_kind_of_workload_and_container(kind: str) -> None:
    bad = {"name": "b", "image": IMAGE, "env": [env("HF_TOKEN", HIDDEN)]}
    spec = pod(bad, initContainers=[bad], ephemeralContainers=[bad])
    assert len(check(POLICY, workload(kind, spec), resource_type=TYPES[kind]).refusals) == 3
    items = {"items": [workload(kind, spec)]}
    assert len(check(POLICY, items, resource_type=f"{TYPES[kind]}List").refusals) == 3
    patch = check(POLICY, workload(kind, spec), resource_type=f"{TYPES[kind]}Patch")
    assert len(patch.refusals) == 3


@pytest.mark.parametrize(
    "fields",
    [
        {"env": UNKNOWN},
        {"env": [UNKNOWN]},
        {"env": [env(UNKNOWN, "a")]},
        {"env": [env("HF_TOKEN", UNKNOWN)]},
        {"args": UNKNOWN},
        {"args": ["--api-key", UNKNOWN]},
    ],
)
def test_an_unknown_is_said_to_be_unchecked(fields: dict[str, Any]) -> None:
    said = judge(**fields)
    assert not said.refusals
    assert "can't be known" in said.unchecked[0]


def test_an_unknown_of_another_name_is_nobodys_business() -> None:
    assert judge(env=[env("BUCKET", UNKNOWN)], args=["--model", UNKNOWN, UNKNOWN]).nothing
    said = judge(env=[UNKNOWN, env("HF_TOKEN", HIDDEN)], args=[UNKNOWN, "--api-key", HIDDEN])
    assert len(said.refusals) == 2


def test_the_components_are_allowed() -> None:
    assert check(POLICY, deployment(server())).nothing
