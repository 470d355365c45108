"""A command on a real terminal, as somebody types at it."""

import os
import pty
from collections.abc import Mapping, Sequence

from durable.places import PACKAGE_ROOT


def talk(command: Sequence[object], answers: Mapping[str, str]) -> tuple[int, str]:
    """The exit code, and all that was shown; each answer is typed once its words are shown."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ["PYTHONPATH"] = str(PACKAGE_ROOT)
        os.execv(str(command[0]), [str(word) for word in command])  # noqa: S606
    shown = ""
    for words, answer in answers.items():
        shown += _until(terminal, words)
        os.write(terminal, f"{answer}\n".encode())
    shown += _until(terminal, None)
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown


def _until(terminal: int, words: str | None) -> str:
    """What the terminal shows, up to `words` or its end."""
    shown = ""
    while words is None or words not in shown:
        try:
            more = os.read(terminal, 1024)
        except OSError:  # Linux says so where the other side has gone
            break
        if not more:
            break
        shown += more.decode(errors="replace")
    return shown
