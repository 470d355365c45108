"""Which key signs where nobody names one: the one that git signs by, else the usual file."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
    configured = "" if named else _git_config(root, "user.signingkey")
    if configured.startswith(_LITERALS):
        with tempfile.TemporaryDirectory(prefix="moe-approve-") as folder:
            public = Path(folder) / "signing_key.pub"
            public.write_text(configured.removeprefix("key::") + "\n")
            yield public
        return
    # Without this format it is the id of a key of GnuPG.
    if configured and _git_config(root, "gpg.format") == "ssh":
        named = Path(configured)
    key = (named or Path.home() / _USUAL).expanduser()
    if not key.is_file():
        raise PromotionError(
            f"key {key}: there is none; name one by --key: a private SSH key, or a public one whose"
            " private half an ssh-agent holds"
        )
    yield key


def _git_config(root: Path, key: str) -> str:
    result = subprocess.run(
        ["git", "config", "--get", key],  # noqa: S607
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout.strip()
