"""Text from outside, made fit to be shown: what it says stays, what it could do does not."""

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories: control, format (such as the marks that turn the direction of writing),
surrogate, private, unassigned, and separators of lines and paragraphs."""


def printable(text: str) -> str:
    """Every character that a terminal obeys or an eye misses, as its escape.

    Lines stay lines. Idempotent: an escape is made of printable characters.
    """
    return "".join(
        repr(each)[1:-1] if each != "\n" and unicodedata.category(each) in _HIDDEN else each
        for each in text
    )


def one_line(text: str) -> str:
    return " ".join(printable(text).split())
