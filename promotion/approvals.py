"""Approvals of promotions: statements that people sign with the SSH keys that they have.

A statement names one place in the record of the target. Once a promotion has been applied there,
the approvals before it are good for nothing any more. What an approval proves, and why it is an SSH
signature: docs/how-to/approve-a-promotion.md.
"""

import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import StringConstraints, ValidationError

from catalog.section import Section
from durable.files import replace_file
from promotion import ssh_signature
from promotion.allowed_signers import AllowedSigners
from promotion.errors import PromotionError
from promotion.places import ALLOWED_SIGNERS, APPROVALS
from promotion.record import Record, applied
from promotion.release import SHOWN_DIGITS, canonical
from promotion.ssh_signature import NotVerified, Verified
from stacks.settings.promotion import APPROVER_PATTERN

_Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Time = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
# A folder is called so: no dot at its beginning.
_Stack = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*$", max_length=100)
]


class Subject(Section):
    """What is approved: one release, from one stack to another, at one place in the record."""

    target: _Stack
    source: _Stack
    release: _Hash
    after: _Hash | None
    """Hash of the last applied entry of the target's record; none before the first."""


class Statement(Subject):
    """What is signed: its canonical JSON and a newline."""

    at: _Time
    """UTC, by the clock of who signs; nothing is judged by it."""

    @property
    def subject(self) -> Subject:
        return Subject.model_validate(self.model_dump(exclude={"at"}))

    @property
    def content(self) -> bytes:
        return canonical(self.model_dump()) + b"\n"


class Verdict(StrEnum):
    """Why an approval counts, or does not."""

    COUNTS = "counts"
    NOT_SIGNED = "not signed"
    NO_STATEMENT = "no statement"
    OTHER_PROMOTION = "other promotion"
    STALE = "stale"
    UNKNOWN = "unknown"
    BAD_SIGNATURE = "bad signature"
    OWN_CHANGE = "own change"
    SAME_PERSON = "same person"
    NO_APPROVER = "no approver"


@dataclass(frozen=True, slots=True)
class Approval:
    """What became of one person's approval; `words` says it in a line.

    `key` is the fingerprint of the key that signed, where the signature is good.
    """

    approver: str
    verdict: Verdict
    words: str
    key: str | None = None

    @property
    def counts(self) -> bool:
        return self.verdict is Verdict.COUNTS


class Files(NamedTuple):
    """Of one approval, both to be committed."""

    statement: Path
    signature: Path


def subject(release: str, source: str, record: Record) -> Subject:
    """What would be approved now; `release` is the whole id."""
    before = applied(record)
    return Subject(
        target=record.stack,
        source=source,
        release=release,
        after=before[-1].hash if before else None,
    )


def statement(of: Subject, now: datetime) -> Statement:
    at = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Statement.model_validate({**of.model_dump(), "at": at})


def files(of: Subject, approver: str) -> Files:
    """Relative to the repository; raises PromotionError for a name that no file may have."""
    if not re.fullmatch(APPROVER_PATTERN, approver):
        raise PromotionError(
            f"approver {approver!r} is not allowed; allowed: a name as {ALLOWED_SIGNERS} has it,"
            f" such as a mail address: {APPROVER_PATTERN}"
        )
    folder = _folder(of)
    return Files(folder / f"{approver}.json", folder / f"{approver}.json.sig")


def sign(root: Path, what: Statement, approver: str, key_file: Path) -> Files:
    """Sign, judge the signature as the gate will, and only then write both files.

    Raises PromotionError, with nothing written, where the signature would not be good.
    """
    paths = files(what, approver)
    signers = AllowedSigners.read(root)
    if not signers.knows(approver):
        raise PromotionError(
            f"approver {approver}: {ALLOWED_SIGNERS} has no key of that name; add a line"
            f' `{approver} namespaces="{ssh_signature.NAMESPACE}" <public key>` and have it merged'
        )
    signature = ssh_signature.sign(what.content, key_file)
    _refuse_bad(root, what.content, signature, approver)
    (root / paths.statement).parent.mkdir(parents=True, exist_ok=True)
    replace_file(root / paths.statement, what.content)
    replace_file(root / paths.signature, signature)
    return paths


def weigh(
    root: Path, wanted: Subject, approvers: Sequence[str], authors: Iterable[str]
) -> list[Approval]:
    """What became of the approval of each, and then of whoever else has signed.

    `authors` are mail addresses in any case; what they sign does not count. Raises
    NoAllowedSignersError and NoSshKeygenError where nothing can be judged.
    """
    scales = _Scales(root, wanted, AllowedSigners.read(root), frozenset(filter(None, authors)))
    weighed: list[Approval] = []
    for approver in dict.fromkeys(approvers):
        approval = scales.weigh(approver)
        weighed.append(_once(approval, weighed) if approval.counts else approval)
    return [*weighed, *_strangers(root, wanted, approvers)]


@dataclass(frozen=True, slots=True)
class _Scales:
    root: Path
    wanted: Subject
    signers: AllowedSigners
    authors: frozenset[str]

    def weigh(self, approver: str) -> Approval:
        paths = files(self.wanted, approver)
        if approver.casefold() in {author.casefold() for author in self.authors}:
            return Approval(approver, Verdict.OWN_CHANGE, "an author of this change")
        try:
            content = (self.root / paths.statement).read_bytes()
        except FileNotFoundError:
            return Approval(approver, Verdict.NOT_SIGNED, "has not signed")
        except OSError as error:
            words = f"{paths.statement} cannot be read: {error.strerror}"
            return Approval(approver, Verdict.NO_STATEMENT, words)
        return self._weigh_content(approver, content, paths)

    def _weigh_content(self, approver: str, content: bytes, paths: Files) -> Approval:
        said = _read(content)
        if said is None:
            words = f"{paths.statement} is no statement as `moe approve` writes it"
            return Approval(approver, Verdict.NO_STATEMENT, words)
        if found := _other(said, self.wanted):
            return Approval(approver, Verdict.OTHER_PROMOTION, f"has signed {found}")
        if said.after != self.wanted.after:
            words = f"has signed at {said.at}; {said.target} has changed since: sign again"
            return Approval(approver, Verdict.STALE, words)
        if not (self.root / paths.signature).is_file():
            return Approval(approver, Verdict.NOT_SIGNED, f"{paths.signature} is missing")
        if not self.signers.knows(approver):
            words = f"{ALLOWED_SIGNERS} has no key of that name"
            return Approval(approver, Verdict.UNKNOWN, words)
        match self._verify(content, paths.signature, approver):
            case NotVerified(why):
                return Approval(approver, Verdict.BAD_SIGNATURE, f"bad signature: {why}")
            case Verified(key) if author := self._author(content, paths.signature, key):
                words = f"signed by a key of {author}, an author of this change"
                return Approval(approver, Verdict.OWN_CHANGE, words, key)
            case Verified(key):
                return Approval(approver, Verdict.COUNTS, f"signed at {said.at} by {key}", key)

    def _author(self, content: bytes, signature: Path, key: str) -> str | None:
        """An author whose key that is, also by a certificate of several names."""
        for author in sorted(self.authors):
            if key in self.signers.keys_of([author]):
                return author
            if isinstance(self._verify(content, signature, author), Verified):
                return author
        return None

    def _verify(self, content: bytes, signature: Path, name: str) -> Verified | NotVerified:
        return ssh_signature.verify(content, signature, name, ALLOWED_SIGNERS, self.root)


def _once(approval: Approval, before: Sequence[Approval]) -> Approval:
    """Nobody counts twice: not by one key under two names, nor by two spellings of one name."""
    for first in before:
        is_same = first.approver.casefold() == approval.approver.casefold()
        if first.counts and (is_same or first.key == approval.key):
            what = "is" if is_same else "has the key of"
            words = f"{what} {first.approver}, who counts already"
            return Approval(approval.approver, Verdict.SAME_PERSON, words, approval.key)
    return approval


def _strangers(root: Path, wanted: Subject, approvers: Sequence[str]) -> list[Approval]:
    """Who has signed and is not asked; nothing of theirs is read."""
    names = sorted(path.stem for path in (root / _folder(wanted)).glob("*.json"))
    words = f"is no approver of {wanted.target}"
    return [Approval(n, Verdict.NO_APPROVER, words) for n in names if n not in approvers]


def _read(content: bytes) -> Statement | None:
    try:
        said = Statement.model_validate_json(content)
    except ValidationError:
        return None
    return said if said.content == content else None


def _other(said: Statement, wanted: Subject) -> str:
    """What was signed instead, if it is another promotion."""
    if (said.target, said.source) != (wanted.target, wanted.source):
        return f"a promotion from {said.source} to {said.target}"
    if said.release != wanted.release:
        return f"release {said.release[:SHOWN_DIGITS]}"
    return ""


def _refuse_bad(root: Path, content: bytes, signature: bytes, approver: str) -> None:
    with tempfile.TemporaryDirectory(prefix="moe-approve-") as folder:
        file = Path(folder) / "signature"
        file.write_bytes(signature)
        judged = ssh_signature.verify(content, file, approver, ALLOWED_SIGNERS, root)
        if isinstance(judged, Verified):
            return
        signed = ssh_signature.key_of(content, file, root)
    key = signed.key if isinstance(signed, Verified) else "that signed"
    raise PromotionError(
        f"approver {approver}: the key {key} is none that {ALLOWED_SIGNERS} allows under this name"
        f" now ({judged.why}); take another by --key, or another name by --as; nothing was written"
    )


def _folder(of: Subject) -> Path:
    return APPROVALS / of.target / of.release
