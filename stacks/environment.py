"""What Pulumi needs to reach one stack, besides the shell's environment.

Stacks live in accounts of their own, and a promotion looks at two of them. `stacks/<stack>.env`,
which is not committed, has what differs, such as `AWS_PROFILE=prod`. A name alone, with no `=`,
takes a variable of the shell away.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from stacks.reading import STACKS_DIR


def environment_file(stack: str, folder: Path | None = None) -> Path:
    return (folder or STACKS_DIR) / f"{stack}.env"


def environment_of(stack: str, folder: Path | None = None) -> Mapping[str, str]:
    """The shell's variables, and over them those of the stack's file where there is one."""
    own = dotenv_values(environment_file(stack, folder), interpolate=False)
    return {name: value for name, value in {**os.environ, **own}.items() if value is not None}
