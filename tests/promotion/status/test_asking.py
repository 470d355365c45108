"""What a status finds out, of stacks that answer as they are told."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from promotion.errors import PromotionError
from promotion.gate import Outcome
from promotion.gates import soak as gate
from promotion.pulumi_stack import State, Update
from promotion.record import Record
from promotion.release_store import ReleaseStore
from promotion.status.asking import Asking, status_of
from promotion.status.report import DriftSeen, DriftVerdict, Report, Runs, StackStatus, Standing
from tests.promotion.stack_files import write_stack
from tests.promotion.status.statuses import NOW, begun, contents, release, update


@dataclass(frozen=True)
class Answers:
    """A stack that says what it is told to say; an exception is raised."""

    runs: State | Exception | None = None
    history: Sequence[Update] | Exception = ()

    def state(self) -> State | None:
        if isinstance(self.runs, Exception):
            raise self.runs
        return self.runs

    def updates(self) -> Sequence[Update]:
        if isinstance(self.history, Exception):
            raise self.history
        return self.history


def running(image: str = "3", *, pending: int = 0, output: Any = None) -> State:
    said = contents(image).model_dump() if output is None else output
    resource = {"type": "pulumi:pulumi:Stack", "outputs": {"release": said}}
    return State([resource], [{"type": "creating"}] * pending)


@dataclass
class Repository:
    """Stack files, releases and records of a test, and what its stacks answer."""

    root: Path
    answers: dict[str, Answers] = field(default_factory=dict)
    drift: Callable[[str], DriftSeen] | None = None
    told: list[str] = field(default_factory=list)

    def stack(self, name: str, answers: Answers | None = None, **sections: Any) -> Path:
        self.answers[name] = answers or Answers()
        return write_stack(self.root, name, **sections)

    def report(self) -> Report:
        asking = Asking(self.root, self.answers.__getitem__, self.drift, self.told.append)
        return status_of(self.answers, asking, NOW)

    def statuses(self) -> Mapping[str, StackStatus]:
        return {each.stack: each for each in self.report().stacks}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    ReleaseStore(tmp_path).add(release("3"))
    ReleaseStore(tmp_path).add(release("4"))
    return Repository(tmp_path)


def test_a_release_is_found_by_what_the_state_says(repository: Repository) -> None:
    repository.stack("dev", Answers(running("4"), [update(5.5)]))
    found = repository.statuses()["dev"]
    assert found.runs is Runs.RELEASE
    assert found.release == release("4")
    assert found.age_hours == 5.5
    assert found.standing is Standing.SETTLED


@pytest.mark.parametrize(
    ("state", "runs"),
    [
        (None, Runs.NOTHING),
        (State([]), Runs.NOTHING),
        (running("9"), Runs.NO_RELEASE),
        (State([{"type": "pulumi:pulumi:Stack"}]), Runs.NO_RELEASE),
    ],
    ids=["no stack", "empty", "never created as one", "says nothing"],
)
def test_what_is_no_release_is_said(
    repository: Repository, state: State | None, runs: Runs
) -> None:
    repository.stack("dev", Answers(state, [update(1)]))
    found = repository.statuses()["dev"]
    assert (found.runs, found.release, found.problems) == (runs, None, ())
    assert (found.since is None) is (runs is Runs.NOTHING)


def test_what_an_unknown_program_says_is_a_problem(repository: Repository) -> None:
    later = {**contents().model_dump(), "later": 1}
    repository.stack("dev", Answers(running(output=later), [update(1)]))
    found = repository.statuses()["dev"]
    assert found.problems == (
        "stack dev: its output `release` is none that this program knows: later: Extra inputs are"
        " not permitted",
    )
    assert (found.standing, found.age_hours) == (Standing.HAS_PROBLEM, 1)


def test_it_is_as_old_as_the_last_update_that_changed_anything(repository: Repository) -> None:
    history = [update(1, same=40), update(2, kind="refresh", update=1, same=39), update(30)]
    repository.stack("dev", Answers(running(), history))
    assert repository.statuses()["dev"].age_hours == 2


FAILED = replace(update(50, same=40), result="failed")
KILLED = replace(update(50), result="in-progress", ended=None)
SAYS_FAILED = (
    "stack dev: the newest update of 2026-11-26 09:45 UTC is failed: nothing soaks here until"
    " `pulumi up` has succeeded"
)


@pytest.mark.parametrize("before", [[], [update(100)]], ids=["the first", "after one that worked"])
def test_an_update_that_failed_is_a_problem_and_soaks_for_nobody(
    repository: Repository, before: list[Update]
) -> None:
    repository.stack("dev", Answers(running(), [FAILED, *before]))
    repository.stack("prod", promotion={"source": "dev", "soak_hours": 24.0})
    found = repository.statuses()["dev"]
    assert (found.standing, found.failed, found.running) == (Standing.FAILED, FAILED, None)
    assert (found.problems, found.soaks) == ((SAYS_FAILED,), ())
    assert found.age_hours == 50


def test_a_stack_that_nobody_waits_for_is_not_settled_after_a_failure(
    repository: Repository,
) -> None:
    repository.stack("dev", Answers(running(), [FAILED, update(100)]))
    assert repository.statuses()["dev"].standing is Standing.FAILED


def test_a_preview_hides_no_failure(repository: Repository) -> None:
    preview = replace(update(1, kind="preview"), ended=None, result="in-progress")
    repository.stack("dev", Answers(running(), [preview, FAILED]))
    found = repository.statuses()["dev"]
    assert (found.failed, found.running) == (FAILED, None)


@pytest.mark.parametrize("state", [State([]), running("9")], ids=["empty", "no release"])
def test_a_failure_is_told_whatever_it_left(repository: Repository, state: State) -> None:
    repository.stack("dev", Answers(state, [FAILED]))
    found = repository.statuses()["dev"]
    assert (found.standing, found.problems) == (Standing.FAILED, (SAYS_FAILED,))


def test_a_failure_without_an_end_does_not_run(repository: Repository) -> None:
    repository.stack("dev", Answers(running(), [replace(FAILED, ended=None)]))
    assert repository.statuses()["dev"].standing is Standing.FAILED


HISTORIES = {
    "long ago": [update(100)],
    "just now": [update(1), update(100)],
    "nothing changed": [update(1, same=40), update(100)],
    "never changed": [update(1, same=40), update(3, same=40)],
    "failed": [FAILED, update(100)],
    "a refresh failed": [replace(FAILED, kind="refresh"), update(100)],
    "failed and mended": [update(1, same=40), replace(FAILED, ended=update(2).ended), update(100)],
    "killed and mended": [update(1, same=40), KILLED, update(100)],
    "mended long ago": [update(40, same=40), FAILED, update(100)],
    "runs": [update(None), update(100)],
    "imported": [replace(update(1), kind="import", changes={}), update(100)],
    "destroyed": [update(50, kind="destroy", delete=3), update(100)],
    "no end": [replace(update(50), ended=None)],
    "previewed": [update(1, kind="preview"), update(100)],
    "no history": [],
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_it_is_ready_where_the_gate_lets_it_pass_and_nowhere_else(
    repository: Repository, history: list[Update]
) -> None:
    repository.stack("dev", Answers(running(), history))
    repository.stack("prod", promotion={"source": "dev", "soak_hours": 24.0})
    found = repository.statuses()["dev"]
    judged = gate.judge("dev", history, 24, NOW)
    assert (found.standing is Standing.READY) == (judged.outcome is Outcome.PASSED)
    assert [each.ends - timedelta(hours=24) for each in found.soaks] == [
        since for since in [gate.soaked_since(history)] if since is not None
    ]


@pytest.mark.parametrize("history", [HISTORIES["no end"], HISTORIES["destroyed"], []])
def test_an_age_that_nobody_knows_is_a_problem(
    repository: Repository, history: list[Update]
) -> None:
    repository.stack("dev", Answers(running(), history))
    repository.stack("prod", promotion={"source": "dev"})
    found = repository.statuses()["dev"]
    assert (found.standing, found.soaks) == (Standing.HAS_PROBLEM, ())
    assert "nobody knows since when" in found.problems[0]


def test_an_update_that_runs_leaves_no_soak(repository: Repository) -> None:
    repository.stack("dev", Answers(running(), [update(None), update(30)]))
    repository.stack("prod", promotion={"source": "dev", "soak_hours": 24.0})
    found = repository.statuses()["dev"]
    assert (found.standing, found.soaks) == (Standing.UPDATING, ())
    assert (found.age_hours, found.problems) == (30, ())


@pytest.mark.parametrize(
    ("age", "left", "standing"),
    [(0, 24, Standing.SOAKING), (23.5, 0.5, Standing.SOAKING), (24, 0, Standing.READY)],
)
def test_the_soak_is_what_the_next_stack_demands(
    repository: Repository, age: float, left: float, standing: Standing
) -> None:
    repository.stack("dev", Answers(running(), [update(age)]))
    repository.stack("prod", promotion={"source": "dev", "soak_hours": 24.0})
    repository.stack("lab", promotion={"source": "prod", "soak_hours": 3.0})
    found = repository.statuses()["dev"]
    assert [(s.target, s.soak_hours, s.left_hours) for s in found.soaks] == [("prod", 24, left)]
    assert found.soaks[0].ends == NOW + timedelta(hours=24 - age)
    assert found.standing is standing


def test_two_stacks_may_wait_for_one(repository: Repository) -> None:
    repository.stack("dev", Answers(running(), [update(10)]))
    repository.stack("eu", promotion={"source": "dev", "soak_hours": 8.0})
    repository.stack("us", promotion={"source": "dev", "soak_hours": 12.0})
    found = repository.statuses()["dev"]
    assert [(soak.target, soak.left_hours) for soak in found.soaks] == [("eu", 0), ("us", 2)]
    assert found.standing is Standing.SOAKING


def test_what_is_no_release_soaks_for_nobody(repository: Repository) -> None:
    repository.stack("dev", Answers(running("9"), [update(100)]))
    repository.stack("prod", promotion={"source": "dev"})
    assert repository.statuses()["dev"].soaks == ()


def test_waivers_of_policies_and_gates_are_counted(repository: Repository) -> None:
    said = {"reason": "so it is", "owner": "team"}
    policy = {**said, "policy": "aws-tags", "resource": "stack"}
    gates = [{**said, "gate": "soak", "expires": "2026-11-28"}]
    repository.stack(
        "dev",
        waivers=[{**policy, "expires": "2026-11-27"}, {**policy, "expires": "2026-12-01"}],
        promotion={"waivers": gates},
    )
    found = repository.statuses()["dev"]
    assert [(each.lets_pass, each.expired) for each in found.waivers] == [
        ("aws-tags of stack", True),
        ("aws-tags of stack", False),
        ("gate soak", False),
    ]
    assert found.expired_waivers == 1
    assert found.next_to_expire == found.waivers[2]


def test_the_cost_is_that_of_the_first_number_of_nodes(repository: Repository) -> None:
    repository.stack("dev")
    repository.stack(
        "block",
        gpu_node_group={
            "capacity": {
                "kind": "capacity_block",
                "reservation_id": "cr-0123456789abcdef0",
                "ends_at": "2027-01-01T11:30:00Z",
            }
        },
    )
    found = repository.statuses()
    assert found["dev"].usd_per_hour is not None
    assert found["dev"].usd_per_hour > 20
    assert found["block"].usd_per_hour is None, found["block"].problems


def test_an_interrupted_promotion_is_seen(repository: Repository) -> None:
    repository.stack("prod", Answers(running(), [update(1)]))
    entry = begun("prod").model_copy(update={"number": 1})
    Record(repository.root, "prod").append(entry)
    found = repository.statuses()["prod"]
    assert (found.interrupted, found.standing) == (entry, Standing.INTERRUPTED)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (PromotionError("stack dev: its state cannot be read: denied"), "cannot be read: denied"),
        (RuntimeError("nobody thought of that"), "stack dev: RuntimeError: nobody thought of that"),
        (KeyError("startTime"), "stack dev: KeyError: 'startTime'"),
    ],
)
def test_a_stack_that_cannot_be_asked_hides_no_other(
    repository: Repository, error: Exception, says: str
) -> None:
    repository.stack("dev", Answers(error))
    repository.stack("prod", Answers(running(), [update(3)]), promotion={"source": "dev"})
    found = repository.statuses()
    assert found["dev"].standing is Standing.CANNOT_BE_ASKED
    assert [says in each for each in found["dev"].problems] == [True]
    assert found["prod"].problems == ()
    assert found["prod"].age_hours == 3


def test_a_history_that_cannot_be_read_leaves_the_release(repository: Repository) -> None:
    repository.stack("dev", Answers(running(), PromotionError("no history")))
    found = repository.statuses()["dev"]
    assert (found.release, found.since) == (release(), None)
    assert (found.problems, found.standing) == (("no history",), Standing.HAS_PROBLEM)


def test_a_file_with_an_error_hides_neither_its_state_nor_another(repository: Repository) -> None:
    repository.stack("dev", Answers(running(), [update(3)]), charts={"keda": 7, "no_such": 1})
    repository.stack("prod", Answers(running(), [update(3)]))
    found = repository.statuses()
    assert found["dev"].release == release()
    assert len(found["dev"].problems) == 2
    assert all("stacks/Pulumi.dev.yaml" in each for each in found["dev"].problems)
    assert found["prod"].problems == ()


def test_a_changed_release_is_a_problem_of_those_that_run_one(repository: Repository) -> None:
    path = ReleaseStore(repository.root).file(release("3"))
    path.write_text(path.read_text().replace("1.4.0", "1.4.1"))
    repository.stack("dev", Answers(running("4"), [update(3)]))
    repository.stack("lab")
    found = repository.statuses()
    assert "somebody has changed it" in found["dev"].problems[0]
    assert found["dev"].age_hours == 3
    assert found["lab"].problems == ()


def test_an_unreadable_record_is_a_problem_of_its_stack(repository: Repository) -> None:
    repository.stack("dev", Answers(running(), [update(3)]))
    file = Record(repository.root, "dev").file(1)
    file.parent.mkdir(parents=True)
    file.write_text("{")
    found = repository.statuses()["dev"]
    assert "releases/record/dev/000001.json: is no entry" in found.problems[0]
    assert found.release == release()


def test_a_source_without_a_file_is_a_problem(repository: Repository) -> None:
    repository.stack("prod", promotion={"source": "stagin"})
    assert repository.statuses()["prod"].problems == (
        "stacks/Pulumi.prod.yaml: promotion.source: stagin has no file in stacks",
    )


def test_what_was_cut_off_is_a_problem(repository: Repository) -> None:
    repository.stack("dev", Answers(running(pending=2), [update(3)]))
    assert "2 of its operations are pending" in repository.statuses()["dev"].problems[0]


def test_drift_is_looked_for_where_something_is_deployed(repository: Repository) -> None:
    seen = {
        "a": DriftSeen(DriftVerdict.FOUND, "1 resource"),
        "b": DriftSeen(DriftVerdict.NONE),
        "c": DriftSeen(DriftVerdict.UNKNOWN, "the cluster is unreachable"),
    }
    repository.drift = seen.__getitem__
    for name in seen:
        repository.stack(name, Answers(running(), [update(3)]))
    repository.stack("d")
    repository.stack("e", Answers(PromotionError("denied")))
    found = repository.statuses()
    assert {name: found[name].drift for name in found} == {**seen, "d": None, "e": None}
    assert [found[name].standing for name in "abcd"] == [
        *(Standing.DRIFTED, Standing.SETTLED, Standing.HAS_PROBLEM, Standing.NOT_DEPLOYED)
    ]
    assert found["c"].problems == ("stack c: drift: the cluster is unreachable",)


def test_nobody_looks_for_drift_unasked(repository: Repository) -> None:
    repository.stack("dev", Answers(running(), [update(3)]))
    assert repository.statuses()["dev"].drift is None


def test_stacks_are_told_in_promotion_order_whoever_answers_first(repository: Repository) -> None:
    repository.stack("z", Answers(running(), [update(3)]))
    repository.stack("a", promotion={"source": "z"})
    repository.stack("b")
    assert [each.stack for each in repository.report().stacks] == ["z", "a", "b"]
    assert repository.told[0] == "asking Pulumi about z, a, b"
    assert {each.partition(" ")[0] for each in repository.told[1:]} == {"z", "a", "b"}


def test_stacks_are_asked_side_by_side(repository: Repository) -> None:
    """Each waits for the other two: one after the other, none would ever answer."""
    all_here = threading.Barrier(3, timeout=30)

    class Waits(Answers):
        def state(self) -> State | None:
            all_here.wait()
            return None

    for name in ("a", "b", "c"):
        repository.stack(name, Waits())
    assert [each.runs for each in repository.report().stacks] == [Runs.NOTHING] * 3
