from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from promotion.anchor import message
from promotion.gate import Outcome
from promotion.gates.order import judge, judge_rollback
from promotion.record import Entry, Stage
from promotion.release import Release
from stacks import reading
from stacks.settings.promotion import Promotion
from tests.promotion.gates.releases import release
from tests.promotion.test_anchor import update

RELEASE = release("a")
OTHER = release("b")
FIRST = Promotion()
FROM_DEV = Promotion(source="dev")
FROM_STAGING = Promotion(source="staging")


def entries(*of: tuple[Release, Stage]) -> list[Entry]:
    return [
        Entry(
            number=number,
            kind="promotion",
            stage=stage,
            at=f"2026-11-{number:02}T10:00:00Z",
            by="A <a@example.com>",
            source="dev",
            target="staging",
            release=which.id,
        )
        for number, (which, stage) in enumerate(of, 1)
    ]


def to_prod(record: Sequence[Entry]) -> tuple[Outcome, str]:
    result = judge("staging", "prod", FROM_STAGING, FROM_DEV, record, RELEASE)
    return result.outcome, "\n".join((result.evidence, *result.details, result.remedy))


def test_from_the_first_stack_no_record_is_wanted() -> None:
    for source_promotion in (None, FIRST):
        result = judge("dev", "staging", FROM_DEV, source_promotion, [], RELEASE)
        assert result.outcome is Outcome.PASSED
        assert result.evidence == "staging follows dev, which is the first stack"


def test_another_source_fails_and_names_the_right_command() -> None:
    result = judge("dev", "prod", FROM_STAGING, FIRST, [], RELEASE)
    assert result.outcome is Outcome.FAILED
    assert result.evidence == "releases come to prod from staging, not from dev"
    assert result.remedy == "moe promote staging prod"


def test_no_section_fails_with_the_lines_to_add() -> None:
    result = judge("dev", "staging", None, None, [], RELEASE)
    assert result.outcome is Outcome.FAILED
    assert "stacks/Pulumi.staging.yaml has no section moe-serving:promotion" in result.evidence
    config = {**reading.config_of(reading.stack_file("local"))}
    config |= YAML(typ="safe").load("\n".join(result.details[1:]))
    settings = reading.validated(config, reading.stack_file("local"))
    assert settings.promotion == Promotion(source="dev")


def test_a_first_stack_takes_no_release() -> None:
    result = judge("dev", "staging", FIRST, None, [], RELEASE)
    assert result.outcome is Outcome.FAILED
    assert "promotion.source of staging is not set" in result.evidence


def test_a_stack_is_no_source_of_itself() -> None:
    result = judge("dev", "dev", FROM_DEV, FROM_DEV, [], RELEASE)
    assert result.outcome is Outcome.FAILED


def test_the_release_that_came_last_passes() -> None:
    record = entries((OTHER, "begun"), (OTHER, "applied"), (RELEASE, "begun"), (RELEASE, "applied"))
    outcome, said = to_prod(record)
    assert outcome is Outcome.PASSED
    assert f"where {RELEASE.short_id} came by a promotion at 2026-11-04T10:00:00Z" in said


def test_a_release_that_never_came_fails() -> None:
    outcome, said = to_prod([])
    assert outcome is Outcome.FAILED
    assert f"has last is none, not {RELEASE.short_id}: it did not come by dev" in said
    assert f"moe promote dev staging --release {RELEASE.short_id}" in said


def test_a_release_that_another_followed_fails() -> None:
    record = entries((RELEASE, "applied"), (OTHER, "begun"), (OTHER, "applied"))
    outcome, said = to_prod(record)
    assert outcome is Outcome.FAILED
    assert f"{OTHER.short_id} of 2026-11-03T10:00:00Z" in said


def test_one_that_has_not_ended_fails() -> None:
    outcome, said = to_prod(entries((RELEASE, "applied"), (OTHER, "begun")))
    assert outcome is Outcome.FAILED
    assert f"a promotion of {OTHER.short_id} to staging has begun" in said


def test_a_failure_after_it_is_told() -> None:
    outcome, said = to_prod(entries((RELEASE, "applied"), (OTHER, "begun"), (OTHER, "failed")))
    assert outcome is Outcome.PASSED
    assert f"since then a promotion of {OTHER.short_id} to staging failed" in said


RECORDS = st.lists(
    st.tuples(
        st.sampled_from([RELEASE, OTHER, release("c")]),
        st.sampled_from(["begun", "applied", "failed"]),
    ),
    max_size=12,
)


@given(RECORDS)
def test_it_passes_exactly_where_the_last_that_was_applied_is_the_release(
    said: list[tuple[Release, Stage]],
) -> None:
    last = [which for which, stage in said if stage == "applied"][-1:]
    open_ = bool(said) and said[-1][1] == "begun"
    expected = last == [RELEASE] and not open_
    assert (to_prod(entries(*said))[0] is Outcome.PASSED) == expected


class TestRollback:
    """To what the stack has run, whatever somebody has written into its record."""

    def said(
        self, record: Sequence[Entry], *deployed: Entry, runs: Release | None = None
    ) -> tuple[Outcome, str]:
        updates = [update("by hand"), *(update(message(entry)) for entry in deployed)]
        contents = runs.contents if runs else None
        result = judge_rollback("staging", record, updates, contents, RELEASE)
        return result.outcome, result.evidence

    def test_what_was_applied_there(self) -> None:
        record = entries((RELEASE, "begun"), (RELEASE, "applied"), (OTHER, "begun"))
        outcome, words = self.said(record)
        assert outcome is Outcome.PASSED
        assert words == "staging ran it before: entry 2, of 2026-11-02T10:00:00Z"

    def test_what_never_came_to_its_end_there(self) -> None:
        records: list[list[tuple[Release, Stage]]] = [
            [(RELEASE, "begun")],
            [(RELEASE, "begun"), (RELEASE, "failed")],
        ]
        for record in records:
            outcome, words = self.said(entries(*record))
            assert outcome is Outcome.FAILED
            assert "staging never ran" in words

    def test_what_was_replaced_counts_where_pulumi_knows_the_entry(self) -> None:
        (begun,) = entries((OTHER, "begun"))
        begun = begun.model_copy(update={"replaces": RELEASE.id})
        assert self.said([begun])[0] is Outcome.FAILED
        other = begun.model_copy(update={"by": "somebody else"})
        assert self.said([begun], other)[0] is Outcome.FAILED
        assert self.said([begun], begun)[0] is Outcome.PASSED

    def test_what_it_runs_by_its_state(self) -> None:
        """Nothing was deployed since the move began."""
        assert self.said([], runs=RELEASE)[0] is Outcome.PASSED
        other = RELEASE.contents.model_copy(update={"program": f"sha256:{'0' * 64}"})
        runs = RELEASE.model_copy(update={"contents": other})
        assert self.said([], runs=runs)[0] is Outcome.FAILED
