"""What ties a record to the history that Pulumi's backend keeps: the message of an update.

A chain of hashes cannot show that its end was cut off, or that somebody has written all of it
anew. The backend keeps number and hash of what it has deployed, out of the repository's reach.
"""

import re

from promotion.pulumi_stack import Update
from promotion.record import Entry
from promotion.release import SHOWN_DIGITS

_ANCHOR = re.compile(r"\(record ([1-9][0-9]{0,8}), ([0-9a-f]{64})\)$")


def message(entry: Entry) -> str:
    """One line for `pulumi up --message`, which `anchored` reads back."""
    way = f"{entry.source} -> {entry.target}" if entry.source else entry.target
    release = entry.release[:SHOWN_DIGITS]
    return f"{entry.kind} of {release}, {way} (record {entry.number}, {entry.hash})"


def anchored(update: Update) -> tuple[int, str] | None:
    """Number and hash of the entry that an update deployed; None for any other update."""
    found = _ANCHOR.search(update.message.strip())
    return (int(found[1]), found[2]) if found else None
