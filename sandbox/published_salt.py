"""The salt of the published passphrase: a stack's file has none of its own, and must not keep ours.

Pulumi writes it into the stack's file in the folder that it works in, at the end. The sandbox works
in copies of the program; a `pulumi` by hand does not, and for that one the salt is noted.
"""

from pathlib import Path

from ruamel.yaml import YAML

from durable.files import replace_file, write_private
from stacks.reading import Problem, SettingsError, stack_file

_SALT = "encryptionsalt"
_OF_AN_ACCOUNT = ("secretsprovider", "encryptedkey")


def refuse_key_of_an_account(stack: str, folder: Path) -> None:
    """Raise SettingsError where secrets of the stack need a key that only its account has."""
    path = stack_file(stack, folder)
    document = YAML().load(path)
    problems = [
        Problem(
            f"{folder.name}/{path.name}",
            document.lc.key(key)[0] + 1,
            key,
            f"{document[key]} is of an account, and the sandbox has none; allowed: a stack whose"
            " file names no secrets provider",
        )
        for key in _OF_AN_ACCOUNT
        if document.get(key)
    ]
    if problems:
        raise SettingsError(problems)


def note_salt(note: Path, file: Path, salt: str | None) -> None:
    """Remember the `salt` of a state; not where the stack's file has one of old, which is not ours.

    Where the file has ours by now, it was noted before.
    """
    if salt is not None and _SALT not in YAML().load(file):
        write_private(note, salt)


def take_away(note: Path, file: Path) -> bool:
    """Take the noted salt out of a stack's file, and nothing else; whether it was there."""
    if not note.exists() or not file.exists():
        return False
    line = f"{_SALT}: {note.read_text()}\n"
    text = file.read_text()
    if not text.endswith(f"\n{line}"):
        return False
    replace_file(file, text.removesuffix(line))
    return True
