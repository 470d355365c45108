"""`moe drift` at its edges; on the real engine: tests/engine/test_drift.py."""

import json
from io import StringIO

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cli import drift as command
from cli import exit_codes
from cli.main import app
from cli.sheet import Sheet, show_sheet
from promotion.drift import Drift, DriftOutcome, PropertyDrift, ResourceDrift
from promotion.property_path import ABSENT, SECRET
from promotion.pulumi_stack import PulumiStack

IMAGE = "registry.example.com/vllm-openai@sha256:"
CHANGES = (
    ResourceDrift(
        "server",
        "kubernetes:apps/v1:Deployment",
        "urn:1",
        "update",
        (
            PropertyDrift("spec.image", "update", f"{IMAGE}{'a' * 64}", f"{IMAGE}{'b' * 64}"),
            PropertyDrift("spec.replicas", "add", ABSENT, 3),
            PropertyDrift("spec.paused", "delete", None, ABSENT),
        ),
    ),
    ResourceDrift("alerts", "kubernetes:x/v1:PrometheusRule", "urn:2", "delete"),
)
NONE = Drift("", DriftOutcome.NONE, resources=60)
DRIFTED = Drift("", DriftOutcome.DRIFTED, CHANGES, resources=60)
NEVER = Drift("", DriftOutcome.NEVER_DEPLOYED)
ERROR = Drift("", DriftOutcome.ERROR, reason="[no] login")


def moe(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["drift", *arguments])
    return result.exit_code, result.stdout, result.stderr


def found(monkeypatch: pytest.MonkeyPatch, **stacks: Drift) -> None:
    def drift_of(stack: PulumiStack) -> Drift:
        known = stacks[stack.name]
        return Drift(stack.name, known.outcome, known.changes, known.reason, known.resources)

    monkeypatch.setattr(command, "drift_of", drift_of)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "no stack named; allowed: all, or any of dev, local, prod, staging"),
        (("devv",), "no such stack; stacks are dev, local, prod, staging; did you mean dev?"),
        (("dev", "--no-such"), "No such option"),
    ],
)
def test_a_mistyped_command_is_an_error_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], says: str
) -> None:
    found(monkeypatch)
    code, printed, told = moe(*arguments)
    assert (code, printed) == (exit_codes.ERROR, "")
    assert says in told


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ((NONE, NONE), exit_codes.DONE),
        ((NONE, NEVER), exit_codes.DONE),
        ((NEVER, NEVER), exit_codes.NOTHING_TO_DO),
        ((DRIFTED, NEVER), exit_codes.REFUSED),
        ((DRIFTED, NONE), exit_codes.REFUSED),
        ((DRIFTED, ERROR), exit_codes.ERROR),
        ((NONE, ERROR), exit_codes.ERROR),
        ((NEVER, ERROR), exit_codes.ERROR),
    ],
)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_the_exit_code_is_that_of_the_worst_stack(
    monkeypatch: pytest.MonkeyPatch,
    outcomes: tuple[Drift, Drift],
    code: int,
    form: tuple[str, ...],
) -> None:
    found(monkeypatch, dev=outcomes[0], prod=outcomes[1])
    assert moe("dev", "prod", *form)[0] == code


def test_each_stack_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, dev=NONE, local=NONE, prod=NEVER, staging=NONE)
    _, printed, told = moe("dev", "dev", "--json")
    assert [each["stack"] for each in json.loads(printed)["stacks"]] == ["dev"]
    assert told.count("pulumi refresh --preview-only") == 1
    _, printed, _ = moe("all", "dev", "--json")
    assert [each["stack"] for each in json.loads(printed)["stacks"]] == [
        *("dev", "local", "prod", "staging")
    ]


def test_lines_name_what_changed_where_both_values_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, dev=DRIFTED, prod=NEVER)
    printed = moe("dev", "prod")[1]
    first, *_ = (line for line in printed.splitlines() if "spec.image" in line)
    assert "stack: dev  outcome: drifted  resource: Deployment server" in first
    assert first.index("now: …") < first.index("recorded: …")
    assert "sha256:bbb" in first
    assert "sha256:aaa" in first
    assert "property: spec.replicas  now: 3  recorded: (none)" in printed
    assert "resource: PrometheusRule alerts  property: -  now: gone  recorded: -" in printed
    assert "stack: prod  outcome: never deployed" in printed


def test_a_terminal_shows_brackets_as_they_are() -> None:
    console = Console(file=StringIO(), force_terminal=True, width=120, no_color=True)
    change = PropertyDrift("containers[a].b[0]", "update", SECRET, SECRET)
    of = Drift("dev", DriftOutcome.DRIFTED, [ResourceDrift("s", "Secret", "u", "update", [change])])
    show_sheet(console, Sheet("Drift", command._COLUMNS, list(command._rows([of]))))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "containers[a].b[0]" in shown
    assert shown.count(SECRET) == 2


def test_json_has_whole_values_and_the_same_keys_where_it_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found(monkeypatch, dev=DRIFTED, prod=ERROR)
    document = json.loads(moe("dev", "prod", "--json")[1])
    dev, prod = document["stacks"]
    assert dev["changes"][0]["properties"] == [
        {
            "path": "spec.image",
            "kind": "update",
            "recorded": f"{IMAGE}{'a' * 64}",
            "now": f"{IMAGE}{'b' * 64}",
        },
        {"path": "spec.replicas", "kind": "add", "recorded": None, "now": 3},
        {"path": "spec.paused", "kind": "delete", "recorded": None, "now": None},
    ]
    assert dev["changes"][1]["operation"] == "delete"
    assert prod["outcome"] == "error"
    assert document["error"] == "prod: [no] login"
    assert set(json.loads(moe("devv", "--json")[1])) == set(document)


def test_an_error_is_told_beside_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, dev=NONE, prod=ERROR)
    _, printed, told = moe("dev", "prod")
    assert "outcome: error" in printed
    assert "prod: [no] login" in told
