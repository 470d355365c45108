"""How a command ends: text or one JSON document, and an exit code."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import typer

from cli import exit_codes
from cli.interrupts import ended_by_any_signal
from durable.locks import LockHeldError
from gate.formats.printable import printable
from gate.stacks.git import GitError
from promotion.errors import NothingToDoError, PromotionError, RefusedError
from sandbox.control_plane.kube_api import KubeApiError
from sandbox.environment_file import ForeignFileError
from sandbox.event_log import Violation
from sandbox.lifecycle import StartError
from sandbox.stack import PolicyRefusedError, StackError
from sandbox.toolchain.go_build import BuildError, GoMissingError
from sandbox.toolchain.pins import UnknownPlatformError
from stacks.reading import Problem, SettingsError

INTERRUPTED = "interrupted; the same command goes on from here"


class CommandError(Exception):
    """A command cannot do what it was asked for; the message says why."""


@contextmanager
def answering(as_json: bool, empty: Mapping[str, Any]) -> Iterator[None]:
    """Every expected failure in the block becomes one message and its exit code.

    `empty` is the command's document where it has nothing to tell: with `--json`, a failure has the
    same keys as a success.
    """
    try:
        with ended_by_any_signal():
            yield
    except SettingsError as error:
        _fail(str(error), exit_codes.ERROR, as_json, empty, error.problems)
    except PolicyRefusedError as error:
        _fail(str(error), exit_codes.REFUSED, as_json, empty, error.violations)
    except RefusedError as error:
        _fail(str(error), exit_codes.REFUSED, as_json, empty)
    except NothingToDoError as error:
        _fail(str(error), exit_codes.NOTHING_TO_DO, as_json, empty)
    except (
        BuildError,
        CommandError,
        ForeignFileError,
        GitError,
        GoMissingError,
        KubeApiError,
        LockHeldError,
        PromotionError,
        StackError,
        StartError,
        UnknownPlatformError,
    ) as error:
        _fail(str(error), exit_codes.ERROR, as_json, empty)
    except OSError as error:
        _fail(
            f"{error.filename or 'a file'}: {error.strerror or error}",
            exit_codes.ERROR,
            as_json,
            empty,
        )
    except KeyboardInterrupt:
        _fail(INTERRUPTED, exit_codes.ERROR, as_json, empty)


def say_error(message: str) -> None:
    """What another program said may be in it: nothing there moves the cursor or hides."""
    typer.secho(printable(message.expandtabs()), err=True, fg="red")


def print_json(document: object) -> None:
    typer.echo(json.dumps(document, indent=2, default=str))


def _fail(
    message: str,
    code: int,
    as_json: bool,
    empty: Mapping[str, Any],
    problems: Sequence[Problem | Violation] = (),
) -> None:
    if as_json:
        print_json({**empty, "error": message, "problems": [asdict(each) for each in problems]})
    else:
        say_error(message)
    raise typer.Exit(code) from None
