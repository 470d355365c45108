"""Whose keys releases/allowed_signers has: what ssh-keygen does not tell.

Signatures are judged by ssh-keygen. It cannot say which keys a person has, and those of an author
must not approve, whatever other name they stand under. Format: ssh-keygen(1), ALLOWED SIGNERS.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from promotion.errors import PromotionError
from promotion.places import ALLOWED_SIGNERS

_FIELD = re.compile(r'(?:"(?:\\.|[^"\\])*"|[^ \t\r"])+')
_KEY_TYPE = re.compile(r"(sk-)?(ssh|ecdsa)-[a-z0-9@.-]+")
_AUTHORITY = re.compile(r"(^|,)cert-authority(,|$)", re.IGNORECASE)


class NoAllowedSignersError(PromotionError):
    """The file is missing, or cannot be read."""


@dataclass(frozen=True, slots=True)
class Signer:
    """One line; `key` is its fingerprint, as ssh-keygen prints it."""

    patterns: tuple[str, ...]
    key: str
    is_authority: bool
    """The key signs certificates, and no statement."""

    def is_for(self, name: str) -> bool:
        """As OpenSSH matches a pattern-list: one that begins with ! excludes."""
        excluded = [each[1:] for each in self.patterns if each.startswith("!")]
        if any(_matches(name, each) for each in excluded):
            return False
        return any(_matches(name, each) for each in self.patterns if not each.startswith("!"))

    def folded(self) -> "Signer":
        return Signer(tuple(each.casefold() for each in self.patterns), self.key, self.is_authority)


@dataclass(frozen=True, slots=True)
class AllowedSigners:
    signers: tuple[Signer, ...]

    @classmethod
    def read(cls, root: Path) -> "AllowedSigners":
        """Of the repository in `root`; raises NoAllowedSignersError."""
        try:
            text = (root / ALLOWED_SIGNERS).read_text(errors="surrogateescape")
        except OSError as error:
            raise NoAllowedSignersError(
                f"{ALLOWED_SIGNERS} cannot be read: {error.strerror}"
            ) from None
        return cls(tuple(_signers(text)))

    def knows(self, name: str) -> bool:
        """Whether a line is for `name`, in this spelling: ssh-keygen tells a from A."""
        return any(signer.is_for(name) for signer in self.signers)

    def keys_of(self, names: Iterable[str]) -> frozenset[str]:
        """Fingerprints of keys that any of `names` may sign by, now or ever; case is ignored."""
        folded = [name.casefold() for name in names if name]
        return frozenset(
            signer.key
            for signer in (each.folded() for each in self.signers if not each.is_authority)
            if any(signer.is_for(name) for name in folded)
        )


def _signers(text: str) -> Iterator[Signer]:
    """Of the lines that are well-formed; ssh-keygen passes over the others as well."""
    for line in text.split("\n"):  # Python knows more ends of a line than ssh-keygen
        principals, *rest = _FIELD.findall(line) or ["#"]
        if principals.startswith("#"):
            continue
        options = "" if rest and _KEY_TYPE.fullmatch(rest[0]) else "".join(rest[:1])
        kind, blob, *_ = [*rest[1 if options else 0 :], "", ""]
        try:
            key = base64.b64decode(blob, validate=True)
        except (binascii.Error, ValueError):
            continue
        if key and _KEY_TYPE.fullmatch(kind):
            patterns = tuple(principals.replace('"', "").split(","))
            yield Signer(patterns, _fingerprint(key), bool(_AUTHORITY.search(options)))


def _fingerprint(key: bytes) -> str:
    digest = base64.b64encode(hashlib.sha256(key).digest()).decode()
    return f"SHA256:{digest.rstrip('=')}"


def _matches(name: str, pattern: str) -> bool:
    """* and ? as in ssh_config(5), PATTERNS."""
    parts = {"*": ".*", "?": "."}
    words = "".join(parts.get(each) or re.escape(each) for each in pattern)
    return re.fullmatch(words, name, re.DOTALL) is not None
