"""`moe plan` as a person or a script calls it."""

import json
import re
from pathlib import Path
from typing import Any, NoReturn

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

import cli.plan
from cli import exit_codes
from cli.main import app
from cli.plan import app as plan_app
from planner import report
from stacks import reading
from tests.planner.bench_results import write_results
from tests.planner.plans import LARGE_MIXTRAL, MIXTRAL, STEP_TIME

TRAFFIC = (
    *("--rps", "20", "--prompt-mean", "600", "--prompt-p99", "2000"),
    *("--output-mean", "150", "--output-p99", "500"),
)
TARGET = ("--ttft-p99-s", "1", "--itl-p99-ms", "150")
ASSUMED = (
    *("--assume-step-ms", "12", "--assume-sequence-ms", "0.1"),
    *("--assume-prefill-tokens-per-s", "20000"),
)
SMALL = ("--requests", "2000")
LOCAL = ("--stack", "local", *TRAFFIC, *TARGET, *SMALL)
DOC = Path(__file__).parents[2] / "docs" / "how-to" / "plan-capacity.md"
KEYS = [*report.EMPTY, "picture", "written", "error", "problems"]


@pytest.fixture(autouse=True)
def stacks_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test here writes into the stacks of this checkout."""
    folder = tmp_path / "stacks"
    folder.mkdir()
    for name in ("local", "prod"):
        (folder / f"Pulumi.{name}.yaml").write_bytes(reading.stack_file(name).read_bytes())
    monkeypatch.setattr(reading, "STACKS_DIR", folder)
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["plan", *arguments])


def document(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*arguments, "--json").stdout)
    return found


def error_of(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == exit_codes.ERROR, result.output
    assert "simulations" not in result.output
    return result.stderr


def test_a_plan_with_assumed_values_is_marked() -> None:
    result = run(*LOCAL, *ASSUMED)
    assert result.exit_code == exit_codes.DONE
    lines = result.stdout.splitlines()
    assert lines[0] == f"Plan, step time ASSUMED: {MIXTRAL} on p4d.24xlarge, TP 8"
    assert lines[1].startswith("  verdict: meets the target with ")
    assert "  step time: ASSUMED, 12 ms a step, 0.1 ms a sequence, 20,000 prompt tokens/s" in lines
    assert any(line.startswith("  GPU nodes cost: USD ") for line in lines)
    assert "\x1b" not in result.stdout


def test_a_plan_with_measured_values_is_not(tmp_path: Path) -> None:
    write_results(tmp_path / "results", STEP_TIME)
    result = run(*LOCAL, "--measured", str(tmp_path / "results"))
    assert result.exit_code == exit_codes.DONE
    assert "ASSUMED" not in result.stdout
    found = document(*LOCAL, "--measured", str(tmp_path / "results"))
    step_time = found["throughput"]["step_time"]
    assert step_time["base_s"] == pytest.approx(STEP_TIME.base_s, rel=0.05)
    assert step_time["per_prefill_token_s"] == pytest.approx(
        STEP_TIME.per_prefill_token_s, rel=0.05
    )
    assert found["throughput"]["error"] < 0.05


def test_files_one_by_one_are_a_folder(tmp_path: Path) -> None:
    paths = write_results(tmp_path / "results", STEP_TIME)
    options = [word for path in paths for word in ("--measured", f"p4d.24xlarge:tp8={path}")]
    one_by_one = document(*LOCAL, *options)
    folder = document(*LOCAL, "--measured", str(tmp_path / "results"))
    assert one_by_one["throughput"]["step_time"] == pytest.approx(folder["throughput"]["step_time"])


def test_without_a_stack_all_is_said_by_options() -> None:
    engine = (
        *("--model", MIXTRAL, "--instance-type", "p4de.24xlarge"),
        *("--tensor-parallel-size", "4", "--max-model-len", "8192"),
    )
    found = document(*engine, *TRAFFIC, *TARGET, *SMALL, *ASSUMED)
    assert found["verdict"] == "meets"
    assert found["engine"]["layout"]["tensor_parallel_size"] == 4
    assert found["cost"]["gpu_nodes_usd_per_hour"] is None
    assert "no region given" in found["cost"]["note"]
    found = document(*engine, *TRAFFIC, *TARGET, *SMALL, *ASSUMED, "--region", "us-east-1")
    assert found["cost"]["gpu_nodes_usd_per_hour"] > 0
    assert found["cost"]["as_of"]


def test_options_go_before_the_stack() -> None:
    found = document(*LOCAL, *ASSUMED, "--tensor-parallel-size", "4", "--max-num-seqs", "64")
    assert found["engine"]["layout"]["tensor_parallel_size"] == 4
    assert found["engine"]["max_num_seqs"] == 64
    assert found["engine"]["engines_per_node"] == 2


def test_the_document_has_the_same_keys_on_success_and_failure() -> None:
    assert list(document(*LOCAL, *ASSUMED)) == KEYS
    failed = document(*LOCAL)
    assert list(failed) == KEYS
    assert failed["error"].startswith("nothing says how fast p4d.24xlarge:tp8 is.")
    assert failed["verdict"] is None


def test_with_neither_measured_nor_assumed_it_says_how_to() -> None:
    message = error_of(*LOCAL)
    assert f"vllm serve {MIXTRAL} --tensor-parallel-size 8 --max-model-len 32768" in message
    assert "vllm bench serve" in message
    assert "--no-enable-prefix-caching" in message
    assert "--assume-step-ms, --assume-sequence-ms, --assume-prefill-tokens-per-s" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--stack", "local"), "missing: --rps, --prompt-mean, --prompt-p99, --output-mean"),
        (
            ("--rps", "1"),
            "missing: --model, --max-model-len, --instance-type, --tensor-parallel-size, --prompt",
        ),
        (("--stack", "lokal"), "did you mean local?"),
        ((*LOCAL, "--assume-step-ms", "12"), "missing: --assume-sequence-ms, --assume-prefill"),
        ((*LOCAL, *ASSUMED, "--assume-step-ms", "0"), "allowed: more than 0"),
        (
            (*LOCAL, *ASSUMED, "--prompt-p99", "100"),
            "--prompt-mean, --prompt-p99: p99 100 with mean 600 is not allowed",
        ),
        (
            (*LOCAL, *ASSUMED, "--output-p99", "32000", "--output-mean", "10000"),
            "--prompt-p99 2000 with --output-p99 32000 is not allowed; allowed: together up to",
        ),
        ((*LOCAL, *ASSUMED, "--rps", "0"), "--rps, --burst-factor, --burst-s: requests_per_s 0"),
        ((*LOCAL, *ASSUMED, "--burst-factor", "0.5"), "burst_factor 0.5 is not allowed"),
        ((*LOCAL, *ASSUMED, "--ttft-p99-s", "0"), "--ttft-p99-s, --itl-p99-ms"),
        ((*LOCAL, *ASSUMED, "--model", "x/y"), "--model: unknown model 'x/y'; allowed: "),
        ((*LOCAL, *ASSUMED, "--instance-type", "p3"), "--instance-type: unknown instance type"),
        (
            (*LOCAL, *ASSUMED, "--tensor-parallel-size", "3"),
            "--tensor-parallel-size 3 is not allowed; allowed: 1, 2, 4, 8",
        ),
        (
            (*LOCAL, *ASSUMED, "--data-parallel-size", "2"),
            "--data-parallel-size 2 is not allowed; allowed: 1 without --expert-parallel",
        ),
        ((*LOCAL, *ASSUMED, "--max-model-len", "65536"), "--max-model-len 65536 is not allowed"),
        ((*LOCAL, *ASSUMED, "--gpu-memory-utilization", "1"), "allowed: 0.5 to 0.95"),
        ((*LOCAL, *ASSUMED, "--picture", "plan.jpg"), "allowed: a .png or .svg file"),
        ((*LOCAL, *ASSUMED, "--picture", "/no/where.svg"), "there is no folder /no"),
        ((*LOCAL, *ASSUMED, "--write", "prd"), "did you mean prod?"),
        ((*LOCAL, *ASSUMED, "--assume-scaling", "0.5"), "--assume-scaling goes with --compare"),
        ((*LOCAL, "--measured", "/no/such.json"), "/no/such.json: cannot be read"),
        (
            (*LOCAL, *ASSUMED, "--assume-layout", "tp4=20,0.2,14000"),
            "p4d.24xlarge:tp4 is not what is planned, p4d.24xlarge:tp8",
        ),
        ((*LOCAL, "--assume-layout", "tp4=20"), "allowed: LAYOUT=STEP_MS,SEQUENCE_MS,PREFILL"),
        ((*LOCAL, "--assume-layout", "4=20,1,100"), "allowed: [INSTANCE:]LAYOUT"),
        ((*LOCAL, *ASSUMED, "--compare", "--write", "local"), "--write is of one plan"),
        (
            (*LOCAL, *ASSUMED, "--compare", "--assume-layout", "tp4pp2=20,0.2,14000"),
            "p4d.24xlarge:tp4pp2: tensor_parallel_size 4 is not allowed; allowed: 8",
        ),
    ],
)
def test_what_is_wrong_is_told_before_the_simulation(
    arguments: tuple[str, ...], message: str
) -> None:
    told = " ".join(error_of(*arguments).split())
    assert message in told
    assert "Traceback" not in told


def test_an_empty_folder_of_results(tmp_path: Path) -> None:
    assert "has no .json files" in error_of(*LOCAL, "--measured", str(tmp_path / "stacks"))


def test_measured_and_assumed_is_one_too_many(tmp_path: Path) -> None:
    write_results(tmp_path / "results", STEP_TIME)
    assert "two step times for p4d.24xlarge:tp8" in error_of(
        *LOCAL, *ASSUMED, "--measured", str(tmp_path / "results")
    )


def test_a_stack_of_another_engine(stacks_dir: Path) -> None:
    file = stacks_dir / "Pulumi.local.yaml"
    engine = "    replicas: 1\n    engine: { kind: deepspeed_mii }\n"
    file.write_text(file.read_text().replace("    replicas: 1\n", engine))
    assert "deepspeed_mii is not allowed; allowed: vllm" in error_of(*LOCAL, *ASSUMED)


def test_a_model_that_does_not_fit_is_refused() -> None:
    result = run(*LOCAL, *ASSUMED, "--model", LARGE_MIXTRAL)
    assert result.exit_code == exit_codes.REFUSED
    assert "verdict: does not fit: 7" in result.stdout
    assert "what would fit: " in result.stdout


def test_a_target_that_is_missed_is_refused_and_not_written(stacks_dir: Path) -> None:
    file = stacks_dir / "Pulumi.local.yaml"
    before = file.read_bytes()
    result = run(*LOCAL, *ASSUMED, "--replicas", "1", "--rps", "60", "--write", "local")
    assert result.exit_code == exit_codes.REFUSED
    assert "misses the target with 1 engine" in result.stdout
    assert file.read_bytes() == before


def test_write_shows_what_it_changes_and_then_has_nothing_to_do() -> None:
    result = run(*LOCAL, *ASSUMED, "--write", "local")
    assert result.exit_code == exit_codes.DONE
    assert "+      max_queued_tokens: " in result.stdout
    assert "step time ASSUMED" in reading.stack_file("local").read_text()
    again = run(*LOCAL, *ASSUMED, "--write", "local")
    assert again.exit_code == exit_codes.NOTHING_TO_DO
    assert "stacks/Pulumi.local.yaml says so already" in again.stdout
    assert document(*LOCAL, *ASSUMED, "--write", "local")["written"]["diff"] == ""


def test_write_alone_names_the_stack() -> None:
    found = document("--write", "prod", *TRAFFIC, *TARGET, *SMALL, *ASSUMED)
    assert found["engine"]["instance_type"] == "p4de.24xlarge"
    assert found["written"]["file"] == "stacks/Pulumi.prod.yaml"


def test_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "plan.svg"
    found = document(*LOCAL, *ASSUMED, "--picture", str(path))
    assert found["picture"] == str(path)
    assert path.read_text().startswith("<?xml")


def test_compare_takes_each_layout_with_a_step_time_of_its_own() -> None:
    arguments = (*LOCAL, *ASSUMED, "--compare", "--assume-layout", "p4de.24xlarge:tp2=25,0.2,8000")
    result = run(*arguments)
    assert result.exit_code == exit_codes.DONE
    assert result.stdout.startswith("Comparison, step times ASSUMED where marked")
    found = document(*arguments)
    assert list(found) == ["rows", "notes", "error", "problems"]
    planned = [row["where"] for row in found["rows"] if row["plan"]]
    assert sorted(planned) == ["p4d.24xlarge:tp8", "p4de.24xlarge:tp2"]
    assert any("nothing says how fast" in note for note in found["notes"])


def test_compare_without_a_stack_begins_with_what_was_measured() -> None:
    found = document(
        *("--compare", "--model", MIXTRAL, "--max-model-len", "8192"),
        *("--assume-layout", "p4de.24xlarge:tp8pp2=30,0.2,30000"),
        *(*TRAFFIC, *TARGET, *SMALL),
    )
    (row,) = [row for row in found["rows"] if row["plan"]]
    assert row["where"] == "p4de.24xlarge:tp8pp2"
    assert row["plan"]["nodes"] == 2 * row["plan"]["replicas"]


def test_compare_where_nothing_meets_is_refused() -> None:
    result = run(*LOCAL, *ASSUMED, "--compare", "--itl-p99-ms", "5")
    assert result.exit_code == exit_codes.REFUSED


def test_interrupted_it_leaves_nothing_behind(
    tmp_path: Path, stacks_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.plan, "plan", interrupt)
    before = (stacks_dir / "Pulumi.local.yaml").read_bytes()
    result = run(*LOCAL, *ASSUMED, "--write", "local", "--picture", str(tmp_path / "a.png"))
    assert result.exit_code == exit_codes.ERROR
    assert (stacks_dir / "Pulumi.local.yaml").read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["stacks"]


def test_help_has_an_example_and_the_exit_codes() -> None:
    text = " ".join(run("--help").stdout.split())
    assert "Example: .venv/bin/moe plan --stack prod --measured results" in text
    assert "2 the model does not fit or the target is missed" in text


def test_the_documentation_names_no_option_that_is_not_there() -> None:
    text = DOC.read_text()
    ours = re.sub(r"vllm (bench )?serve(.*\\\n)*.*", "", text)
    plan = get_command(plan_app)
    known = {option for each in plan.params for option in each.opts}
    assert {*re.findall(r"--[a-z][a-z0-9-]+", ours)} <= known
