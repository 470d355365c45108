"""`stacks/<stack>.env` of a stack in the sandbox: by it every command finds the sandbox.

Such a file leads where it says whatever the shell has set, so one that somebody else wrote is never
replaced and never removed.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from durable.files import write_private
from sandbox.environment import REMOVED, REMOVED_PREFIXES, sandbox_environment
from sandbox.lifecycle import Sandbox
from stacks.environment import environment_file

FIRST_LINE = (
    "# Of the sandbox: `moe sandbox up` wrote this file, and `moe sandbox down` removes it."
)

# A list that the sandbox's own value extends, so that other programs are found as before.
_EXTENDED = ("PATH", "NO_PROXY", "no_proxy")

# With these a request could leave for a real account, whoever sets them and whenever.
_LEADING_ELSEWHERE = (
    "AWS_CA_BUNDLE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_PROFILE",
    "AWS_DEFAULT_REGION",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_ROLE_ARN",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)


class ForeignFileError(Exception):
    """A stack has a file of variables that the sandbox did not write."""


def refuse_foreign(stack: str, folder: Path) -> None:
    """Raise ForeignFileError where the stack's file is somebody else's."""
    path = environment_file(stack, folder)
    if path.exists() and not is_ours(path):
        raise ForeignFileError(
            f"{folder.name}/{path.name} is not the sandbox's: it says how the real stack {stack} is"
            " reached; move it away while the stack is in the sandbox"
        )


def write(stack: str, folder: Path, sandbox: Sandbox) -> None:
    """What reaches the stack in `sandbox`, for its owner only; raises ForeignFileError."""
    refuse_foreign(stack, folder)
    given = {name: os.environ[name] for name in _EXTENDED if name in os.environ}
    settings = sandbox_environment(sandbox.paths, sandbox.tools, sandbox.endpoints, base=given)
    set_now = {name for name in os.environ if name.startswith(REMOVED_PREFIXES)}
    removed = {*REMOVED, *_LEADING_ELSEWHERE, *set_now} - set(settings)
    write_private(environment_file(stack, folder), text_of(settings, removed))


def remove_ours(folder: Path) -> list[str]:
    """Remove the files that the sandbox wrote; the names of their stacks."""
    stacks = our_stacks(folder)
    for stack in stacks:
        environment_file(stack, folder).unlink(missing_ok=True)
    return stacks


def our_stacks(folder: Path) -> list[str]:
    """Stacks whose file the sandbox wrote, in alphabetical order."""
    return sorted(path.stem for path in folder.glob("*.env") if is_ours(path))


def is_ours(path: Path) -> bool:
    with path.open(errors="replace") as file:
        return file.readline().rstrip("\n") == FIRST_LINE


def text_of(settings: Mapping[str, str], removed: set[str]) -> str:
    """As `stacks.environment` reads it: quoted values, and bare names of what is taken away."""
    lines = [FIRST_LINE, *sorted(removed)]
    lines += [f"{name}={_quoted(value)}" for name, value in sorted(settings.items())]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", r"\\").replace("'", r"\'")
    return f"'{escaped}'"
