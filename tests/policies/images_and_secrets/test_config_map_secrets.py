from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.images_and_secrets.config_map_secrets import POLICY
from tests.policies.engine_input import DEPLOYMENT, FUZZ, UNKNOWN, Said, check
from tests.policies.test_plain_secrets import SHAPES
from tests.policies.test_review import maps

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
HIDDEN = "s3cr3t-and-hidden"


def judge(data: Any, resource_type: str = CONFIG_MAP) -> Said:
    said = check(POLICY, {"data": data}, resource_type=resource_type, name="settings")
    assert HIDDEN not in str(said)
    return said


@pytest.mark.parametrize("resource_type", [CONFIG_MAP, f"{CONFIG_MAP}Patch"])
def test_an_entry_is_refused_by_its_name(resource_type: str) -> None:
    said = judge({"hf-token": HIDDEN, "model": "mixtral"}, resource_type).only()
    assert "settings" in said
    assert "found entry hf-token that is a secret by its name" in said


def test_every_item_of_a_list() -> None:
    items = {"items": [{"data": {"password": HIDDEN}}, {"data": {"apiKey": HIDDEN}}]}
    said = check(POLICY, items, resource_type=f"{CONFIG_MAP}List", name="settings")
    assert ["item 0" in each for each in said.refusals] == [True, False]


@FUZZ
@given(data=st.data(), what=st.sampled_from(sorted(SHAPES)))
def test_an_entry_is_refused_by_a_shape_in_it_which_is_not_shown(
    data: st.DataObject, what: str
) -> None:
    value = data.draw(SHAPES[what])
    said = judge({"config.yaml": f"server:\n  extra: {value}\n  port: 8000\n"}).only()
    assert f"found entry config.yaml that has {what} in it" in said
    assert value not in said


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        (f"LOG=info\nDB_PASSWORD={HIDDEN}\n", "DB_PASSWORD"),
        (f"export DB_PASSWORD='{HIDDEN}' # rotate\n", "DB_PASSWORD"),
        (f"[db]\n; of the pool\ndb.password = {HIDDEN}", "db.password"),
        (f'db:\n  host: db\n  users:\n  - moe\n  password: "{HIDDEN}"\n', "password"),
        (f"db:\n- password: {HIDDEN}\n", "password"),
    ],
)
def test_a_setting_of_a_file_is_refused_by_its_name(text: str, setting: str) -> None:
    said = judge({"app.env": text}).only()
    assert f"found entry app.env with a setting {setting} that is a secret by its name" in said


def test_files_take_no_time_to_speak_of() -> None:
    for hostile in (" ", "- ", "a", "A=\n", "a: 'b' ", '"', "a=#  ", "-  - "):
        judge({"a": hostile * 200_000, "b": f"password: x{hostile * 200_000}x\n"})


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        [],
        "text",
        {"tokenizer": "mistral"},
        {"token": "${HF_TOKEN}"},
        {"api-key": ""},
        {"config.yaml": "password_file: /run/secrets/password\napi_key: ${API_KEY}"},
        {"token": None, "password": 7},
        {"credentials": '{"storageSecretNameAnnotation": "serving/storage"}'},
        {"credentials": "s3:\n  accessKeyIdName: AWS_ACCESS_KEY_ID\n"},
        {"app.env": "DB_PASSWORD=${DB_PASSWORD}\nTOKEN=\nMAX_TOKENS=4096\n# PASSWORD=hunter2\n"},
        {"app.env": "DB_PASSWORD=$1\nTOKEN_FILE=/run/token\nPASSWORD=/run/secrets/password"},
        {"app.env": "PASSWORD=$(cat /run/secrets/password)\nTOKEN=`cat /run/secrets/token`"},
        {"app.yaml": "password: &none\ntoken: *none\nsecret: |\napiKey: changed()\n"},
        {"app.yaml": "auth:\n  password: '{{ .Values.password }}'\n  token: \"\"\n"},
        {"run.sh": "#!/bin/sh\nset -e\nPASSWORD=$(cat /run/secrets/password)\nexec serve"},
        {"run.sh": "export TOKEN=`cat /run/secrets/token`\nif [ -z $TOKEN ]; then exit 1; fi"},
        {"run.py": "import os\ntoken = os.environ['TOKEN']\npassword = self._password\n"},
        {"schema.json": '{"properties":\n{"password":\n"string"}}'},
    ],
)
def test_what_is_allowed(data: Any) -> None:
    assert judge(data).nothing


def test_other_kinds_are_nobodys_business() -> None:
    assert judge({"password": HIDDEN}, "kubernetes:core/v1:Secret").nothing
    assert judge({"password": HIDDEN}, DEPLOYMENT).nothing


@pytest.mark.parametrize("data", [UNKNOWN, {"password": UNKNOWN}])
def test_an_unknown_is_said_to_be_unchecked(data: Any) -> None:
    said = judge(data)
    assert not said.refusals
    assert "can't be known" in said.unchecked[0]


def test_an_unknown_of_another_name_changes_nothing() -> None:
    assert judge({"bucket": UNKNOWN}).nothing
    assert judge({"bucket": UNKNOWN, "password": HIDDEN}).refusals


@FUZZ
@given(props=maps, of_data=maps)
def test_no_properties_are_too_odd(props: dict[str, object], of_data: dict[str, object]) -> None:
    for token in (CONFIG_MAP, f"{CONFIG_MAP}List"):
        check(POLICY, props, resource_type=token)
        check(POLICY, {"items": [{"data": of_data}], "data": of_data}, resource_type=token)
