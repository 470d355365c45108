"""Which key signs where nobody names one: the one that git signs by, else the usual file."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gate.stacks import git
from promotion.errors import PromotionError

_USUAL = Path(".ssh", "id_ed25519")
# As git-config(1) has user.signingKey: the second is its older spelling.
_LITERALS = ("key::", "ssh-")


@contextmanager
def signing_key(root: Path, named: Path | None) -> Iterator[Path]:
    """`named`, else `user.signingkey` of git where that is an SSH key, else ~/.ssh/id_ed25519.

    A public key that stands in git's configuration itself is a file during the block. Raises
    PromotionError where there is none.
    """
    configured = "" if named else git.answer(root, "config", "--get", "user.signingkey")
    if configured.startswith(_LITERALS):
        with tempfile.TemporaryDirectory(prefix="moe-approve-") as folder:
            public = Path(folder) / "signing_key.pub"
            public.write_text(configured.removeprefix("key::") + "\n")
            yield public
        return
    # Without this format it is the id of a key of GnuPG.
    if configured and git.answer(root, "config", "--get", "gpg.format") == "ssh":
        named = Path(configured)
    key = (named or Path.home() / _USUAL).expanduser()
    if not key.is_file():
        raise PromotionError(
            f"key {key}: there is none; name one by --key: a private SSH key, or a public one whose"
            " private half an ssh-agent holds"
        )
    yield key
