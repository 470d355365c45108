"""Signatures by OpenSSH: `ssh-keygen -Y`, and nothing of it done by ourselves.

Format: PROTOCOL.sshsig of OpenSSH. Needs OpenSSH 8.2 or newer.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from promotion.errors import PromotionError

NAMESPACE = "moe-promotion"
"""A signature for another purpose, such as a commit of git, has another one and is refused."""

# A refusal; whatever else it ends with, such as 1 for an option that it lacks, is no verdict.
_REFUSED = 255
_GOOD = re.compile(
    rf'^Good "{NAMESPACE}" signature (?:for .* )?with \S+ key (SHA256:[A-Za-z0-9+/]+)$', re.M
)


class NoSshKeygenError(PromotionError):
    """There is no ssh-keygen here that can judge signatures."""


@dataclass(frozen=True, slots=True)
class Verified:
    """`key` is the fingerprint of the key that signed; of a certificate that of its own key."""

    key: str


@dataclass(frozen=True, slots=True)
class NotVerified:
    """In the words of ssh-keygen."""

    why: str


def sign(content: bytes, key_file: Path) -> bytes:
    """The armoured signature. A passphrase is asked for on the terminal, by ssh-keygen itself.

    `key_file` may be a public key whose private half an agent holds. Raises PromotionError.
    """
    # A file, as ssh-keygen asks no terminal for a passphrase while its input is something else.
    with tempfile.TemporaryDirectory(prefix="moe-approve-") as folder:
        file = Path(folder) / "statement.json"
        file.write_bytes(content)
        result = subprocess.run(
            [_ssh_keygen(), "-q", "-Y", "sign", "-f", key_file, "-n", NAMESPACE, file],
            # On a terminal a hardware key asks there to be touched.
            stderr=None if sys.stderr.isatty() else subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            check=False,
        )
        signature = file.with_name(f"{file.name}.sig")
        if result.returncode != 0 or not signature.exists():
            words = _last_line(result.stderr or b"") or "what ssh-keygen said is above"
            raise PromotionError(f"{key_file}: could not sign: {words}")
        return signature.read_bytes()


def verify(
    content: bytes, signature: Path, principal: str, allowed_signers: Path, folder: Path
) -> Verified | NotVerified:
    """Whether `principal` signed exactly these bytes, by a key that is allowed now.

    Now is by the clock of the machine that asks, as ssh-keygen has it by itself. The time that a
    statement gives would not do: who holds a key that has expired could write an earlier one.
    `allowed_signers` is relative to `folder`. Raises NoSshKeygenError.
    """
    words = ("verify", "-f", str(allowed_signers), "-I", principal)
    return _judged(words, content, signature, folder)


def key_of(content: bytes, signature: Path, folder: Path) -> Verified | NotVerified:
    """The key that signed these bytes, whoever it belongs to; raises NoSshKeygenError."""
    return _judged(("check-novalidate",), content, signature, folder)


def _judged(
    words: Sequence[str], content: bytes, signature: Path, folder: Path
) -> Verified | NotVerified:
    result = subprocess.run(
        [_ssh_keygen(), "-Y", *words, "-n", NAMESPACE, "-s", signature],
        cwd=folder,
        input=content,
        capture_output=True,
        check=False,
    )
    good = _GOOD.search(result.stdout.decode(errors="replace"))
    if result.returncode == 0 and good is not None:
        return Verified(good[1])
    if result.returncode == _REFUSED:
        return NotVerified(_refusal(result))
    raise NoSshKeygenError(
        f"ssh-keygen gave no verdict (exit code {result.returncode}): {_refusal(result)}; it must"
        " be of OpenSSH 8.2 or newer"
    )


def _refusal(result: subprocess.CompletedProcess[bytes]) -> str:
    """The reason is in stderr; stdout has only that the signature is not good."""
    return _last_line(result.stderr) or _last_line(result.stdout) or "no reason given"


def _last_line(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else ""


def _ssh_keygen() -> str:
    binary = shutil.which("ssh-keygen")
    if binary is None:
        raise NoSshKeygenError("ssh-keygen is not on PATH; install OpenSSH's client")
    return binary
