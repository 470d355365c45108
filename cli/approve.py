"""`moe approve`: signs that a release may come to a stack."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.answer import CommandError, answering, print_json
from cli.sheet import Sheet, show_sheet
from durable.places import PACKAGE_ROOT
from promotion import author, stack_file
from promotion.approvals import Files, Subject, Verdict, sign, statement, subject, weigh
from promotion.difference import KeyChange
from promotion.errors import NothingToDoError, RefusedError
from promotion.gate import GateResult
from promotion.gates import approvals as gate
from promotion.record import Record
from promotion.release import Release
from promotion.release_store import ReleaseStore
from promotion.signing_key import signing_key
from stacks import reading
from stacks.settings.promotion import Promotion

EPILOG = (
    "Example: .venv/bin/moe approve prod --release 3f9c1a2b4d5e --key ~/.ssh/id_ed25519\n\n"
    "Exit codes: 0 signed, 1 error, 2 refused: you wrote the release, or said no, 3 nothing to do:"
    " the stack demands no approvals, or has yours."
)
_SAID = ("target", "source", "release", "approver", "changes", "files", "gate")
_NOTHING: Mapping[str, Any] = {**dict.fromkeys(_SAID), "changes": [], "files": []}


@dataclass(frozen=True)
class _Asked:
    """What is to be signed, and by whom."""

    root: Path
    release: Release
    subject: Subject
    approver: str
    promotion: Promotion
    changes: Sequence[KeyChange]

    @property
    def authors(self) -> frozenset[str]:
        """Whoever will promote it is known only then."""
        return author.of_commit(self.root, self.release.git_commit)


def approve(
    stack: Annotated[str, typer.Argument(help="The stack that the release would come to.")],
    release: Annotated[
        str, typer.Option(metavar="R", help="Its id, or the first digits (`moe release list`).")
    ],
    source: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="STACK", help="Where it comes from; else as the settings say."
        ),
    ] = None,
    approver: Annotated[
        str | None,
        typer.Option(
            "--as", metavar="NAME", help="As releases/allowed_signers has you; else git's address."
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            help="SSH key: private, or public where an agent has the private half; else the one"
            " that git signs by, else ~/.ssh/id_ed25519."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Sign without asking.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Sign that a release may come to a stack: two files, which you commit.

    An approval holds for one place in the stack's record: once something has been promoted there,
    it is good for nothing.
    """
    with answering(as_json, {**_NOTHING, "error": None, "problems": []}):
        asked = _asked(PACKAGE_ROOT, stack, release, source, approver)
        console = Console(highlight=False)
        if not as_json:
            _show(console, asked)
        _refuse_needless(asked)
        with signing_key(asked.root, key) as key_file:
            if not yes:
                _ask(asked, as_json)
            signed = statement(asked.subject, datetime.now(UTC))
            files = sign(asked.root, signed, asked.approver, key_file)
        result = gate.judge(asked.root, asked.subject, asked.promotion, asked.authors)
        if as_json:
            print_json(_document(asked, files, result))
        else:
            _show_signed(console, asked, files, result)


def _asked(root: Path, stack: str, digits: str, source: str | None, approver: str | None) -> _Asked:
    settings = reading.from_file(stack, root / "stacks")
    promotion = settings.promotion
    if promotion is None or promotion.approvals == 0:
        raise NothingToDoError(f"{stack} demands no approvals (moe-serving:promotion.approvals)")
    comes_from = source or promotion.source
    if comes_from is None:
        raise CommandError(f"{stack} names no source (moe-serving:promotion.source); add --from")
    reading.from_file(comes_from, root / "stacks")
    release = ReleaseStore(root).get(digits)
    return _Asked(
        root,
        release,
        subject(release.id, comes_from, Record(root, stack)),
        _listed(approver or author.current(root).mail, promotion.approvers, stack),
        promotion,
        stack_file.changes(release, settings),
    )


def _listed(name: str, approvers: Sequence[str], stack: str) -> str:
    """As the settings spell it, for ssh-keygen tells a from A."""
    if name in approvers:
        return name
    for each in approvers:
        if each.casefold() == name.casefold():
            return each
    raise CommandError(
        f"{name!r} is no approver of {stack}; allowed by --as: {', '.join(approvers)}"
        " (moe-serving:promotion.approvers)"
    )


def _refuse_needless(asked: _Asked) -> None:
    """Nobody signs what would not count, or counts already."""
    [mine, *_] = weigh(asked.root, asked.subject, [asked.approver], asked.authors)
    if mine.verdict is Verdict.COUNTS:
        raise NothingToDoError(f"{asked.approver} has approved this already: {mine.words}")
    if mine.verdict is Verdict.OWN_CHANGE and mine.key is None:
        raise RefusedError(f"{asked.approver} wrote this release: the approval would not count")


def _ask(asked: _Asked, as_json: bool) -> None:
    """Raises CommandError where nobody can be asked: silence is no consent to a signature."""
    if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise CommandError(
            "not signed: with --json, or without a terminal, nobody is asked; add --yes to sign"
        )
    question = f"Sign this as {asked.approver}?"
    if not typer.confirm(question):
        raise RefusedError("not signed; nothing was written")


def _show(console: Console, asked: _Asked) -> None:
    contents = asked.release.contents
    rows = [
        ("release", asked.release.id),
        ("from", asked.subject.source),
        ("to", asked.subject.target),
        ("after", asked.subject.after or "nothing: the first of its record"),
        ("commit", asked.release.git_commit),
        ("program", contents.program),
        ("policy pack", contents.policy_pack),
        ("alert rules", contents.alert_rules),
    ]
    show_sheet(console, Sheet("What is signed", ("what", "value"), rows))
    name = reading.stack_file(asked.subject.target).name
    if not asked.changes:
        console.print(f"Nothing changes in stacks/{name}.", soft_wrap=True)
        return
    changes = [(each.key, each.before or "-", each.after or "-") for each in asked.changes]
    sheet = Sheet(f"What would change in stacks/{name}", ("key", "now", "then"), changes)
    show_sheet(console, sheet)


def _show_signed(console: Console, asked: _Asked, files: Files, result: GateResult) -> None:
    console.print(f"Signed as {asked.approver}.", soft_wrap=True, markup=False)
    console.print(f"Approvals: {result.evidence}", soft_wrap=True, markup=False)
    for each in result.details:
        console.print(f"  {each}", soft_wrap=True, markup=False)
    paths = " ".join(str(path) for path in files)
    console.print(f"Now commit both files: git add {paths}", soft_wrap=True, markup=False)


def _document(asked: _Asked, files: Files, result: GateResult) -> Mapping[str, Any]:
    said = {
        "target": asked.subject.target,
        "source": asked.subject.source,
        "release": asked.release.id,
        "approver": asked.approver,
        "changes": [asdict(each) for each in asked.changes],
        "files": [str(path) for path in files],
        "gate": asdict(result),
    }
    return {**said, "error": None, "problems": []}


app = typer.Typer(add_completion=False)
app.command(epilog=EPILOG)(approve)
