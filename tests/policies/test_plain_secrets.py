import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from policies.plain_secrets import is_secret, is_secret_name, shape_of
from tests.policies.engine_input import FUZZ

LETTERS = string.ascii_letters + string.digits
FORTY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

SECRET_NAMES = [
    *("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "hf-token", "VLLM_API_KEY", "api-key", "API_KEYS"),
    *("apiKey", "apikey", "OPENAI_API_KEY_2", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "password"),
    *("MYSQL_ROOT_PASSWORD", "clientSecret", "JWT_SECRET", "SIGNING_KEY", "private_key"),
    *("ACCESS_TOKENS", "passphrase", "auth.token", "AWS_CREDENTIALS"),
    *("DB_PASS", "DB_PWD", "dbPass", "MYSQL_PWD", "--smtp-pass"),
]
OTHER_NAMES = [
    *("SECRET_NAME", "TOKENIZER", "KEY_FILE", "API_KEY_FILE", "HF_TOKEN_PATH", "max-tokens"),
    *("MAX_NUM_BATCHED_TOKENS", "max_num_queued_tokens", "EOS_TOKEN", "PAD_TOKEN", "KEY"),
    *("COST_PER_TOKEN", "time_per_output_token", "PUBLIC_KEY", "CACHE_KEY", "TLS_SECRET"),
    *("imagePullSecret", "existingSecret", "AWS_ACCESS_KEY_ID", "HF_HOME", "USE_AUTH_TOKEN"),
    *(
        "no-api-key",
        "SECRETS_STORE",
        "TOKEN_TTL_S",
        "tokens",
        "keyboard",
        "",
        "initial-cluster-token",
        *("MYSQL_ALLOW_EMPTY_PASSWORD", "ETCD_INITIAL_CLUSTER_TOKEN"),
        "_",
        "123",
        "---",
        *("PWD", "OLDPWD", "OLD_PWD", "first-pass", "num_pass", "BYPASS", "pass", "DB_PASS_FILE"),
    ),
]


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)
    assert is_secret(name, "correct-horse")


@pytest.mark.parametrize("name", OTHER_NAMES)
def test_names_of_other_things(name: str) -> None:
    assert not is_secret_name(name)
    assert not is_secret(name, "correct-horse")


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "true", "False", "EMPTY", "none", "0", "3600", "1.5", '["$(API_KEY)"]'),
        *("Bearer $(TOKEN)", "${HF_TOKEN}", "$HF_TOKEN", "{{ .Values.token }}", "<your token>"),
        *(
            "/var/run/secrets/token",
            "/run/x",
            "creds.json",
            "./conf/key.pem",
            "vault:secret/data/a",
        ),
        *("arn:aws:secretsmanager:us-east-1:1:secret:a", "https://auth.example.com/token", "--"),
        *('{"gcs": {"credentialFileName": "gcloud.json"}}', "gcs:\n  file: gcloud.json"),
        *("`cat /run/x`", "`cat", "{API_KEY}", '{"a":"b"}', "{a: b}", "{{ x", "%{x}", "pre${X}"),
        # A path of as many characters as a secret key of AWS has.
        "/var/run/secrets/huggingface/user-tokens",
    ],
)
def test_where_a_secret_is_kept_is_none(text: str) -> None:
    assert not is_secret("HF_TOKEN", text)


@pytest.mark.parametrize(
    "text",
    [
        "hunter2",
        '["hunter2"]',
        "Pa$sw0rd123",
        "a<b>c",
        "1234567",
        "x/y+z=",
        FORTY,
        "hunter`2",
        "`hunter2",
        "a`b`c",
        "{hunter2",
        "{hunter2}",
        "{hunter:2",
        "$2y$10",
        "ns/name",
    ],
)
def test_values_of_secrets(text: str) -> None:
    assert is_secret("HF_TOKEN", text)


def test_a_secret_may_be_the_name_of_an_object() -> None:
    assert not is_secret("--secret", "serving/hf-token")
    assert not is_secret("secret", "serving/hf-token")
    assert is_secret("--secret", "hunter2")
    assert is_secret("CLIENT_SECRET", "hunter2/abc")


@pytest.mark.parametrize(
    "prefix", ["", "proj-", "svcacct-", "admin-", "ant-api03-", "or-v1-", "proj-a_b-c1d2_"]
)
def test_keys_of_openais_kind(prefix: str) -> None:
    assert shape_of(f"key=sk-{prefix}{'aB3dE6gH' * 6}") == "an API key of OpenAI's kind"


def test_a_password_may_be_a_number() -> None:
    assert is_secret("DB_PASSWORD", "1234")
    assert not is_secret("DB_TOKEN", "1234")


SHAPES = {
    "a Hugging Face token": st.text(LETTERS, min_size=34, max_size=34).map("hf_{}".format),
    "an AWS access key": st.text(
        string.ascii_uppercase + string.digits, min_size=16, max_size=16
    ).map("AKIA{}".format),
    "an API key of OpenAI's kind": st.text(LETTERS, min_size=47, max_size=47).map(
        "sk-proj-7{}".format
    ),
    "a GitHub token": st.sampled_from(["ghp", "gho", "ghs"]).flatmap(
        lambda kind: st.text(LETTERS, min_size=36, max_size=36).map(f"{kind}_{{}}".format)
    ),
    "a private key": st.sampled_from(["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "]).map(
        "-----BEGIN {}PRIVATE KEY-----\nMIIE".format
    ),
    "a bearer token": st.text(LETTERS, min_size=20, max_size=60).map(
        "Authorization: Bearer 1{}".format
    ),
    "a URL with a password": st.text(LETTERS, min_size=1, max_size=20).map(
        "postgres://moe:{}@db.internal:5432/moe".format
    ),
}


@FUZZ
@given(data=st.data(), what=st.sampled_from(sorted(SHAPES)))
def test_a_shape_is_seen_wherever_it_is(data: st.DataObject, what: str) -> None:
    around = st.text(alphabet=" \n\t,;:='\"()[]", max_size=5)
    text = data.draw(around) + data.draw(SHAPES[what]) + data.draw(around)
    assert shape_of(text) == what


@pytest.mark.parametrize(
    "text",
    [
        *("hf_transfer", "HF_HUB_ENABLE_HF_TRANSFER=1", "sk-learn", "task-0123456789" * 4),
        *(
            "sk-learn-model-server-prod-v1-deployment-xyz",
            "sk-proj-model-server-prod-v1-west-xyz12",
        ),
        *(f"sk-learn-{'0123abcd' * 5}", "sk-internationalization"),
        *("http://localhost:8000/v1", "http://user@host/", "tcp://10.0.0.1:8000", "s3://a/b:c"),
        *("postgres://moe:$(PASSWORD)@db/moe", "postgres://moe:${PASSWORD}@db", "Bearer $(TOKEN)"),
        *("-----BEGIN CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----", "mistralai/Mixtral-8x7B"),
        *("3" * 64, f"vllm/vllm-openai@sha256:{'3' * 64}", "0e9b3da1-1111-2222-3333-ffffffffffff"),
    ],
)
def test_shapes_of_other_things(text: str) -> None:
    assert shape_of(text) is None


@FUZZ
@given(st.text(max_size=200))
def test_no_text_is_too_odd(text: str) -> None:
    shape_of(text)
    is_secret(text, text)


@FUZZ
@given(value=st.text(LETTERS, min_size=8, max_size=60), name=st.sampled_from(SECRET_NAMES))
def test_a_random_value_under_a_secrets_name_is_a_secret(value: str, name: str) -> None:
    assert is_secret(name, value)


@FUZZ
@given(
    name=st.sampled_from(["model", "PORT", "served-model-name", "HF_HOME", *OTHER_NAMES]),
    value=st.text(string.printable, max_size=60),
)
def test_a_value_without_a_shape_under_another_name_is_none(name: str, value: str) -> None:
    assume(shape_of(value) is None)
    assert not is_secret(name, value)


def test_long_texts_take_no_time_to_speak_of() -> None:
    for hostile in (
        "a.",
        "a-",
        "sk-",
        "Bearer ",
        "hf_",
        "://",
        "-----BEGIN A ",
        "/a",
        "ghp_",
        "`a",
        "{a:",
        "sk-proj-",
        "{ ",
        "sk-proj-a",
    ):
        shape_of(hostile * 200_000)
        is_secret("TOKEN", hostile * 200_000)
