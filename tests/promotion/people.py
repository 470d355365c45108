"""People with real SSH keys, and a repository that knows them."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from promotion.approvals import Files, Subject, sign, statement
from promotion.places import ALLOWED_SIGNERS, APPROVALS
from promotion.record import Entry, Record

NOW = datetime(2026, 11, 28, 12, 0, 5, tzinfo=UTC)
RELEASE = "5" * 64
OTHER_RELEASE = "6" * 64
ANN, BOB, CAT = "ann@example.com", "bob@example.com", "Cat@example.com"


def ssh_keygen(*words: str | Path, given: bytes = b"") -> str:
    result = subprocess.run(
        ["ssh-keygen", *words],  # noqa: S607
        input=given,
        capture_output=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout.decode()


def new_key(file: Path, kind: str = "ed25519", passphrase: str = "") -> Path:
    ssh_keygen("-q", "-t", kind, "-N", passphrase, "-C", "", "-f", file)
    return file


def public(key: Path) -> str:
    return key.with_name(f"{key.name}.pub").read_text().strip()


def fingerprint(key: Path) -> str:
    return ssh_keygen("-l", "-f", key).split()[1]


@dataclass(frozen=True)
class Team:
    """A repository in `root`; `keys` is a private key for each name."""

    root: Path
    keys: Mapping[str, Path]

    def allow(self, *lines: str) -> None:
        """Nothing but these lines."""
        file = self.root / ALLOWED_SIGNERS
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{line}\n" for line in lines))

    def line(self, name: str, options: str = "", of: str | None = None) -> str:
        """`name` may sign by the key of `of`, else by their own."""
        return f"{name} {options} {public(self.keys[of or name])}"

    def approvals(self) -> list[Path]:
        """Files of all approvals, signatures among them."""
        return [path for path in (self.root / APPROVALS).rglob("*") if path.is_file()]

    def sign(self, what: Subject, name: str, key: Path | None = None) -> Files:
        return sign(self.root, statement(what, NOW), name, key or self.keys[name])

    def forge(self, what: Subject, name: str, by: Path, namespace: str = "moe-promotion") -> None:
        """As somebody without our command would: both files, and nothing is asked."""
        content = statement(what, NOW).content
        folder = self.root / APPROVALS / what.target / what.release
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_bytes(content)
        (folder / f"{name}.json.sig").unlink(missing_ok=True)
        ssh_keygen("-q", "-Y", "sign", "-f", by, "-n", namespace, folder / f"{name}.json")

    def apply(self, release: str, target: str = "prod") -> Entry:
        """Something is promoted, from begun to applied."""
        record = Record(self.root, target)
        said = {"kind": "promotion", "by": "x", "source": "staging", "release": release}
        begun = record.next(record.last, stage="begun", **said)
        record.append(begun)
        applied = record.next(begun, stage="applied", ends=begun.number, **said)
        record.append(applied)
        return applied
