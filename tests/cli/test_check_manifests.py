"""`moe check manifests` as a person or a script calls it."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli import exit_codes
from cli.main import app
from tests.gate.manifest_texts import GOOD, POD
from tests.policies.engine_input import IMAGE

PINNED = "kubernetes-container-image-pinned"
TAGGED = GOOD.replace(IMAGE, "vllm/vllm-openai:v0.11")
SOON = str(date.today() + timedelta(days=30))


def run(*arguments: str, given: str = "") -> Result:
    result = CliRunner().invoke(app, ["check", "manifests", *arguments], input=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def document(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def items(result: Result) -> list[dict[str, Any]]:
    (section,) = document(result)["sections"]
    return [item for step in section["steps"] for item in step["items"]]


def test_good_manifests_pass() -> None:
    result = run("-", "--instance-type", "p4d.24xlarge", "--strict", given=GOOD)
    assert result.exit_code == exit_codes.DONE
    assert "aws-launch-template-hardened" in result.stdout


def test_bad_manifests_are_refused(tmp_path: Path) -> None:
    (tmp_path / "server.yaml").write_text(TAGGED)
    result = run(str(tmp_path), "--json")
    assert result.exit_code == exit_codes.REFUSED
    (item,) = [item for item in items(result) if item["refuses"]]
    assert item["rule"] == PINNED
    assert item["resource"] == "serving/moe"
    assert item["place"]["file"] == str(tmp_path / "server.yaml")


@pytest.mark.parametrize("suffix", [".json", ".md", ".sarif", ".xml"])
def test_every_format_is_written(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"report{suffix}"
    assert run("-", "--output", str(file), given=TAGGED).exit_code == exit_codes.REFUSED
    assert PINNED in file.read_text()


@pytest.mark.parametrize("given", ["", "# Source: a/b.yaml\n---\n---\n"])
def test_nothing_to_judge_is_not_a_pass(given: str) -> None:
    assert run("-", given=given).exit_code == exit_codes.NOTHING_TO_DO


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        (["-"], "a: [", "<stdin>:1: document 1: not YAML"),
        (["missing.yaml"], "", "missing.yaml: cannot be read: No such file or directory"),
        (
            ["-", "--instance-type", "p9.large"],
            GOOD,
            "--instance-type p9.large is not allowed; allowed: p4d.24xlarge, p4de.24xlarge",
        ),
        (["-", "--waivers", "missing.yaml"], GOOD, "missing.yaml cannot be read"),
        (["-", "--policy-config", "missing.json"], GOOD, "missing.json cannot be read"),
        (["-", "--max-documents", "1"], GOOD, "more than 1 documents"),
    ],
)
def test_bad_input_is_one_message(arguments: list[str], given: str, said: str) -> None:
    result = run(*arguments, given=given)
    assert result.exit_code == exit_codes.ERROR
    assert said in result.stderr
    assert not result.stdout
    result = run(*arguments, "--json", given=given)
    assert said in document(result)["error"]
    assert document(result)["sections"] == []


class TestWaivers:
    def _run(self, tmp_path: Path, text: str, *more: str) -> Result:
        (tmp_path / "waivers.yaml").write_text(text)
        waivers = ["--waivers", str(tmp_path / "waivers.yaml")]
        return run("-", "--json", *waivers, *more, given=TAGGED)

    def _waiver(self, policy: str = PINNED, expires: str = SOON, more: str = "") -> str:
        return (
            f"- policy: {policy}\n  resource: serving/moe\n  reason: a trial\n"
            f"  owner: serving team\n  expires: {expires}\n{more}"
        )

    def test_one_lets_its_finding_pass_and_is_told(self, tmp_path: Path) -> None:
        result = self._run(tmp_path, self._waiver())
        assert result.exit_code == exit_codes.DONE
        (item,) = [item for item in items(result) if item["rule"] == PINNED]
        assert item["waiver"]["owner"] == "serving team"

    def test_an_expired_one_refuses_and_says_where_it_is(self, tmp_path: Path) -> None:
        result = self._run(tmp_path, self._waiver(expires="2020-01-01"))
        assert result.exit_code == exit_codes.REFUSED
        (item,) = [item for item in items(result) if item["rule"] == "stack-waivers-hold"]
        assert "expired on 2020-01-01" in item["message"]
        assert item["place"]["file"] == str(tmp_path / "waivers.yaml")

    def test_one_that_nothing_needs_is_told(self, tmp_path: Path) -> None:
        result = self._run(tmp_path, self._waiver("kubernetes-llm-server-layout"))
        assert result.exit_code == exit_codes.REFUSED
        (section,) = document(result)["sections"]
        assert [w["policy"] for w in section["unused_waivers"]] == ["kubernetes-llm-server-layout"]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("- policy: x\n", "0.reason: Field required"),
            ("a: [", "waivers.yaml:1: not YAML"),
            ("text", "waivers.yaml: the file: "),
            ("- {policy: a, policy: b}\n", "key 'policy' twice"),
        ],
    )
    def test_a_broken_file_is_one_error(self, tmp_path: Path, text: str, said: str) -> None:
        result = self._run(tmp_path, text)
        assert result.exit_code == exit_codes.ERROR
        assert said in document(result)["error"]


class TestPolicyConfig:
    def _run(self, tmp_path: Path, config: Any, given: str = TAGGED) -> Result:
        text = config if isinstance(config, str) else json.dumps(config)
        (tmp_path / "config.json").write_text(text)
        return run("-", "--json", "--policy-config", str(tmp_path / "config.json"), given=given)

    @pytest.mark.parametrize(
        "config",
        [
            {PINNED: "disabled"},
            {PINNED: {"enforcementLevel": "advisory"}},
            {"all": "advisory"},
            {"version": 2, "policies": {PINNED: "advisory"}},
        ],
    )
    def test_levels_are_the_files(self, tmp_path: Path, config: Any) -> None:
        assert self._run(tmp_path, config).exit_code == exit_codes.DONE

    def test_a_policy_s_own_level_goes_before_that_of_all(self, tmp_path: Path) -> None:
        config = {PINNED: "mandatory", "all": "advisory"}
        assert self._run(tmp_path, config).exit_code == exit_codes.REFUSED

    def test_settings_are_the_files(self, tmp_path: Path) -> None:
        config = {"kubernetes-llm-server-gpu-memory-utilization": {"maximum": 0.5}}
        result = self._run(tmp_path, config, given=GOOD)
        assert result.exit_code == exit_codes.REFUSED
        assert ["allowed: " in i["message"] for i in items(result) if i["refuses"]]

    @pytest.mark.parametrize(
        ("config", "said"),
        [
            ("{", "config.json is not JSON"),
            ("[" * 100_000, "config.json is not JSON"),
            ([], "a map from policies to what changes is expected"),
            ({PINNED[:-1]: "disabled"}, f"is no policy of the pack; {PINNED}?"),
            ({PINNED: "severe"}, "level 'severe' is not allowed; allowed: advisory, mandatory"),
            ({PINNED: {"enforcementLevel": []}}, "level [] is not allowed"),
            ({PINNED: 7}, "a level or a map is expected, found 7"),
            ({PINNED: {"maxDays": 7}}, "allowed: no settings"),
            ({"stack-waivers-hold": {"maxDays": "x"}}, "maxDays: 'x' is not of type 'integer'"),
            ({"version": 3}, "version 3 is not allowed; allowed: 2"),
            ({"version": 2, "exceptions": []}, "Exceptions are waivers here"),
        ],
    )
    def test_a_broken_file_is_one_error(self, tmp_path: Path, config: Any, said: str) -> None:
        result = self._run(tmp_path, config)
        assert result.exit_code == exit_codes.ERROR
        assert said in document(result)["error"]


def test_what_could_not_be_checked_refuses_only_where_asked() -> None:
    relaxed = run("-", "--json", given=GOOD)
    assert relaxed.exit_code == exit_codes.DONE
    assert {item["kind"] for item in items(relaxed)} == {"could not check"}
    assert run("-", "--strict", given=GOOD).exit_code == exit_codes.REFUSED


def test_hidden_names_of_a_report_stay_on_one_line() -> None:
    text = POD.format(name='"a\\u202eb"', image='"x\\u2028y:1"')
    result = run("-", given=text)
    assert result.exit_code == exit_codes.REFUSED
    assert "\u202e" not in result.stdout
    assert "\u2028" not in result.stdout
