"""Who does it, as git knows them."""

from dataclasses import dataclass
from pathlib import Path

from gate.stacks import git
from promotion.errors import PromotionError


@dataclass(frozen=True, slots=True)
class Author:
    """`mail` is what approvals tell people apart by."""

    name: str
    mail: str

    def __str__(self) -> str:
        return f"{self.name} <{self.mail}>"


def current(root: Path) -> Author:
    """From `git config`; raises PromotionError where it has none."""
    name, mail = (git.answer(root, "config", key) for key in ("user.name", "user.email"))
    if not (name and mail):
        raise PromotionError(
            "git knows neither your name nor your address, and the record wants them: set"
            " user.name and user.email by `git config`"
        )
    return Author(name, mail)


def of_commit(root: Path, commit: str) -> frozenset[str]:
    """Address of who wrote a commit, who may be another than who merged it.

    Empty where git does not know the commit.
    """
    # One that is signed would else begin with what gpg says of it.
    show = ("-c", "log.showSignature=false", "show", "--no-patch", "--format=%ae")
    return frozenset(git.answer(root, *show, commit).splitlines())
