"""Approvals with real keys and the real ssh-keygen: what counts, and each reason why not."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from promotion import approvals
from promotion.approvals import Approval, Subject, Verdict, statement, subject, weigh
from promotion.errors import PromotionError
from promotion.places import APPROVALS
from promotion.record import Record
from promotion.ssh_signature import NoSshKeygenError
from stacks.settings.promotion import Promotion
from tests.promotion.people import (
    ANN,
    BOB,
    CAT,
    NOW,
    OTHER_RELEASE,
    RELEASE,
    Team,
    fingerprint,
    new_key,
    public,
    ssh_keygen,
)

REAL = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
PROMOTION = Subject(target="prod", source="staging", release=RELEASE, after=None)


def weighed(team: Team, name: str, *authors: str, of: Subject = PROMOTION) -> Approval:
    (approval,) = weigh(team.root, of, [name], authors)
    return approval


def other(**values: str) -> Subject:
    return Subject.model_validate({**PROMOTION.model_dump(), **values})


def test_who_signs_counts(team: Team) -> None:
    files = team.sign(PROMOTION, ANN)
    folder = Path("releases/approvals/prod") / RELEASE
    assert files == (folder / f"{ANN}.json", folder / f"{ANN}.json.sig")
    key = fingerprint(team.keys[ANN])
    words = f"signed at 2026-11-28T12:00:05Z by {key}"
    assert weighed(team, ANN) == Approval(ANN, Verdict.COUNTS, words, key)


def test_what_is_signed_is_canonical_and_ends_with_a_newline(team: Team) -> None:
    files = team.sign(PROMOTION, ANN)
    assert (team.root / files.statement).read_text() == (
        f'{{"after":null,"at":"2026-11-28T12:00:05Z","release":"{RELEASE}",'
        '"source":"staging","target":"prod"}\n'
    )


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_other_kinds_of_keys(team: Team, tmp_path: Path, kind: str) -> None:
    key = new_key(tmp_path / kind, kind)
    team.allow(f"{ANN} {public(key)}")
    team.sign(PROMOTION, ANN, key=key)
    assert weighed(team, ANN).counts


def test_a_person_may_have_several_keys(team: Team) -> None:
    team.allow(team.line(ANN), team.line(ANN, of=BOB))
    team.sign(PROMOTION, ANN, key=team.keys[BOB])
    assert weighed(team, ANN).key == fingerprint(team.keys[BOB])


def test_who_has_not_signed(team: Team) -> None:
    assert weighed(team, ANN) == Approval(ANN, Verdict.NOT_SIGNED, "has not signed")


def test_a_statement_without_a_signature(team: Team) -> None:
    files = team.sign(PROMOTION, ANN)
    (team.root / files.signature).unlink()
    approval = weighed(team, ANN)
    assert approval.verdict is Verdict.NOT_SIGNED
    assert approval.words == f"{files.signature} is missing"


@pytest.mark.parametrize(
    ("signed", "words"),
    [
        (other(release=OTHER_RELEASE), f"has signed release {OTHER_RELEASE[:12]}"),
        (other(target="staging"), "has signed a promotion from staging to staging"),
        (other(source="dev"), "has signed a promotion from dev to prod"),
    ],
)
def test_a_good_signature_of_another_promotion(team: Team, signed: Subject, words: str) -> None:
    moved = team.root / approvals.files(PROMOTION, ANN).statement.parent
    there = team.root / team.sign(signed, ANN).statement.parent
    moved.parent.mkdir(parents=True, exist_ok=True)
    if there != moved:
        there.rename(moved)
    assert weighed(team, ANN) == Approval(ANN, Verdict.OTHER_PROMOTION, words)


def test_an_approval_is_used_up_by_the_promotion_that_it_was_for(team: Team) -> None:
    record = Record(team.root, "prod")
    first = subject(RELEASE, "staging", record)
    team.sign(first, ANN)
    assert weighed(team, ANN, of=first).counts
    applied = team.apply(RELEASE)
    team.apply(OTHER_RELEASE)
    back = subject(RELEASE, "staging", record)
    assert back.after not in (None, applied.hash)
    replayed = weighed(team, ANN, of=back)
    assert replayed.verdict is Verdict.STALE
    assert replayed.words == (
        "has signed at 2026-11-28T12:00:05Z; prod has changed since: sign again"
    )
    team.sign(back, ANN)
    assert weighed(team, ANN, of=back).counts


def test_what_began_and_failed_uses_up_no_approval(team: Team) -> None:
    record = Record(team.root, "prod")
    before = subject(RELEASE, "staging", record)
    said = {"kind": "promotion", "by": "x", "source": "staging", "release": RELEASE}
    begun = record.next(None, stage="begun", **said)
    record.append(begun)
    record.append(record.next(begun, stage="failed", ends=1, **said))
    assert subject(RELEASE, "staging", record) == before


def test_a_signature_for_another_purpose(team: Team) -> None:
    team.forge(PROMOTION, ANN, team.keys[ANN], namespace="git")
    approval = weighed(team, ANN)
    assert approval.verdict is Verdict.BAD_SIGNATURE
    assert approval.words == ("bad signature: Couldn't verify signature: namespace does not match")


def test_a_signature_by_a_key_of_somebody_else(team: Team) -> None:
    team.forge(PROMOTION, ANN, team.keys[BOB])
    assert weighed(team, ANN).verdict is Verdict.BAD_SIGNATURE


def test_a_signature_that_is_none(team: Team) -> None:
    files = team.sign(PROMOTION, ANN)
    (team.root / files.signature).write_text("trust me\n")
    assert weighed(team, ANN).verdict is Verdict.BAD_SIGNATURE


def test_a_name_without_a_key(team: Team) -> None:
    team.sign(PROMOTION, ANN)
    team.allow(team.line(BOB))
    assert weighed(team, ANN).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("options", "counts"),
    [
        ('valid-before="20200101Z"', False),
        ('valid-after="20990101Z"', False),
        ('valid-after="20200101Z",valid-before="20990101Z"', True),
        ('namespaces="git"', False),
        ('namespaces="git,moe-*"', True),
    ],
)
def test_limits_of_a_key_are_judged_now(team: Team, options: str, counts: bool) -> None:
    team.sign(PROMOTION, ANN)
    team.allow(team.line(ANN, options))
    approval = weighed(team, ANN)
    assert approval.verdict is (Verdict.COUNTS if counts else Verdict.BAD_SIGNATURE)


def test_an_earlier_time_in_the_statement_does_not_help_a_key_that_has_expired(team: Team) -> None:
    early = statement(PROMOTION, NOW.replace(year=2019))
    approvals.sign(team.root, early, ANN, team.keys[ANN])
    team.allow(team.line(ANN, 'valid-before="20200101Z"'))
    approval = weighed(team, ANN)
    assert approval.verdict is Verdict.BAD_SIGNATURE
    assert "key has expired" in approval.words


@REAL
@given(data=st.data())
def test_no_byte_of_what_was_signed_can_be_changed(team: Team, data: st.DataObject) -> None:
    path = team.root / approvals.files(PROMOTION, ANN).statement
    content = statement(PROMOTION, NOW).content
    if not path.exists():
        team.sign(PROMOTION, ANN)
    where = data.draw(st.integers(0, len(content) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[where]))
    path.write_bytes(content[:where] + bytes([byte]) + content[where + 1 :])
    assert not weighed(team, ANN).counts


@pytest.mark.parametrize(
    "change", [lambda said: said + b"\n", lambda said: said.replace(b":", b": "), lambda said: b""]
)
def test_other_bytes_of_the_same_meaning_are_no_statement(team: Team, change) -> None:  # type: ignore[no-untyped-def]
    path = team.root / team.sign(PROMOTION, ANN).statement
    path.write_bytes(change(path.read_bytes()))
    assert weighed(team, ANN).verdict is Verdict.NO_STATEMENT


def test_an_author_does_not_count_in_any_spelling(team: Team) -> None:
    team.sign(PROMOTION, ANN)
    approval = weighed(team, ANN, "ANN@Example.com")
    assert approval == Approval(ANN, Verdict.OWN_CHANGE, "an author of this change")


def test_a_key_of_an_author_does_not_count_under_another_name(team: Team) -> None:
    team.allow(team.line(ANN), team.line(BOB, of=ANN))
    team.sign(PROMOTION, BOB, key=team.keys[ANN])
    assert weighed(team, BOB).counts
    approval = weighed(team, BOB, "Ann@example.com")
    assert approval.verdict is Verdict.OWN_CHANGE
    assert approval.words == "signed by a key of Ann@example.com, an author of this change"


def test_an_expired_key_of_an_author_is_still_theirs(team: Team) -> None:
    team.allow(team.line(ANN, 'valid-before="20200101Z"'), team.line(BOB, of=ANN))
    team.sign(PROMOTION, BOB, key=team.keys[ANN])
    assert weighed(team, BOB, ANN).verdict is Verdict.OWN_CHANGE


def test_a_key_that_an_author_shares(team: Team) -> None:
    team.allow(f"*@example.com {public(team.keys[CAT])}")
    team.sign(PROMOTION, BOB, key=team.keys[CAT])
    assert weighed(team, BOB, ANN).verdict is Verdict.OWN_CHANGE
    assert weighed(team, BOB, "eve@example.org").counts


def test_certificates(team: Team, tmp_path: Path) -> None:
    authority, key = new_key(tmp_path / "authority"), new_key(tmp_path / "key")
    team.allow(f"*@example.com cert-authority {public(authority)}")
    ssh_keygen("-q", "-s", authority, "-I", "bob", "-n", f"{BOB},{ANN}", f"{key}.pub")
    team.sign(PROMOTION, BOB, key=Path(f"{key}-cert.pub"))
    assert weighed(team, BOB).key == fingerprint(key)
    assert weighed(team, BOB, CAT).counts, "the authority's key is nobody's"
    assert weighed(team, BOB, ANN).verdict is Verdict.OWN_CHANGE, "it is for Ann as well"


def test_one_key_under_two_names_counts_once(team: Team) -> None:
    team.allow(team.line(ANN), team.line(BOB, of=ANN), team.line(CAT))
    for name, key in ((ANN, ANN), (BOB, ANN), (CAT, CAT)):
        team.sign(PROMOTION, name, key=team.keys[key])
    verdicts = [each.verdict for each in weigh(team.root, PROMOTION, [ANN, BOB, CAT], [])]
    assert verdicts == [Verdict.COUNTS, Verdict.SAME_PERSON, Verdict.COUNTS]


def test_one_name_in_two_spellings_counts_once(team: Team) -> None:
    shout = ANN.upper()
    team.allow(team.line(ANN), team.line(shout, of=BOB))
    team.sign(PROMOTION, ANN)
    team.sign(PROMOTION, shout, key=team.keys[BOB])
    [first, second] = weigh(team.root, PROMOTION, [ANN, shout], [])
    assert (first.verdict, second.verdict) == (Verdict.COUNTS, Verdict.SAME_PERSON)
    assert second.words == f"is {ANN}, who counts already"


def test_who_was_not_asked_is_told_and_does_not_count(team: Team) -> None:
    team.sign(PROMOTION, BOB)
    [_, bob] = weigh(team.root, PROMOTION, [ANN], [])
    assert bob == Approval(BOB, Verdict.NO_APPROVER, "is no approver of prod")


_PERSON = st.sampled_from([ANN, BOB, CAT])


@REAL
@given(
    lines=st.sets(st.tuples(_PERSON, _PERSON)),
    by=st.dictionaries(_PERSON, _PERSON),
    authors=st.sets(_PERSON),
)
@example(lines={(ANN, ANN), (BOB, ANN)}, by={ANN: ANN, BOB: ANN}, authors=set())
@example(lines={(ANN, ANN), (BOB, ANN)}, by={BOB: ANN}, authors={ANN})
def test_each_key_counts_once_and_none_of_an_author(
    team: Team, lines: set[tuple[str, str]], by: dict[str, str], authors: set[str]
) -> None:
    """`lines` are who may sign by whose key, `by` who signs by whose."""
    for path in team.approvals():
        path.unlink()
    team.allow(*(team.line(name, of=owner) for name, owner in sorted(lines)))
    for name, owner in by.items():
        team.forge(PROMOTION, name, team.keys[owner])
    of_authors = {owner for name, owner in lines if name in authors}
    expected = dict[str, str]()
    for name in (each for each in team.keys if each in by and each not in authors):
        if (name, by[name]) in lines and by[name] not in {*of_authors, *expected.values()}:
            expected[name] = by[name]
    counted = [a for a in weigh(team.root, PROMOTION, list(team.keys), authors) if a.counts]
    assert {each.approver: each.key for each in counted} == {
        name: fingerprint(team.keys[owner]) for name, owner in expected.items()
    }


HOSTILE = [
    "../x",
    "..",
    ".",
    "",
    "-x",
    "-I",
    "a b",
    "ä@example.com",
    "a/b",
    "a\n",
    "a,b",
    "*",
    "!a",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_touch_no_file(team: Team, name: str) -> None:
    before = sorted(team.root.rglob("*"))
    with pytest.raises(PromotionError, match="is not allowed; allowed: a name as"):
        approvals.sign(team.root, statement(PROMOTION, NOW), name, team.keys[ANN])
    with pytest.raises(PromotionError, match="is not allowed; allowed: a name as"):
        weigh(team.root, PROMOTION, [name], [])
    assert sorted(team.root.rglob("*")) == before
    with pytest.raises(ValidationError):
        Promotion(approvers=(name,))


@settings(deadline=None)
@given(st.text(max_size=120))
@example("a" * 101)
@example("..@x")
def test_files_of_an_approver_never_leave_their_folder(name: str) -> None:
    try:
        files = approvals.files(PROMOTION, name)
    except PromotionError:
        return
    folder = APPROVALS / "prod" / RELEASE
    assert {Path(os.path.normpath(file)).parent for file in files} == {folder}
    assert Promotion(approvers=(name,)).approvers == (name,)


@pytest.mark.parametrize("stack", ["..", ".", "a/b", "", "../../x", ".git"])
def test_hostile_stacks(stack: str) -> None:
    for key in ("target", "source"):
        with pytest.raises(ValidationError):
            other(**{key: stack})


def test_without_ssh_keygen(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    team.sign(PROMOTION, ANN)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoSshKeygenError, match="not on PATH"):
        weighed(team, ANN)


def test_an_ssh_keygen_that_knows_no_signatures_gives_no_verdict(
    team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    team.sign(PROMOTION, ANN)
    old = tmp_path / "bin" / "ssh-keygen"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'unknown option -- Y' >&2\nexit 1\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(old.parent))
    with pytest.raises(NoSshKeygenError, match="exit code 1.*unknown option -- Y.*8.2 or newer"):
        weighed(team, ANN)
