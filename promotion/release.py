"""A release: what stacks have in common at one moment, named by the digest of its content."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import StringConstraints

from catalog.section import Section
from stacks.released import Released

SHOWN_DIGITS = 12
"""Of an id, where people read it."""


class Release(Section):
    """`contents` is what a stack runs; the commit is where its program is found."""

    contents: Released
    git_commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]

    @property
    def id(self) -> str:
        """64 hex digits: the SHA-256 of the canonical JSON."""
        return hashlib.sha256(canonical(self.model_dump())).hexdigest()

    @property
    def short_id(self) -> str:
        return self.id[:SHOWN_DIGITS]


def canonical(document: Mapping[str, Any]) -> bytes:
    """JSON that is the same for the same content: sorted keys, no spaces."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def as_rows(contents: Released) -> dict[str, str]:
    """Every part by its name, in the order in which they are told."""
    return {
        "model": contents.model,
        **contents.settings,
        "policy_pack": contents.policy_pack,
        "alert_rules": contents.alert_rules,
        "program": contents.program,
    }


def release_rows(release: Release) -> dict[str, str]:
    return {**as_rows(release.contents), "git_commit": release.git_commit}
