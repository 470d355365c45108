"""Runs one Pulumi program in Python: what `pulumi-language-python-exec` does in a release.

Started by `sandbox.language_host.host` with the interpreter of the program, by path and not as a
module, so that nothing of the sandbox is importable in the program by accident. Exit status: 0; 32
where the error has been shown already; that of `sys.exit` where the program called it.
"""

import argparse
import asyncio
import logging
import os
import runpy
import sys
import traceback
from pathlib import Path

import grpc
import pulumi
import pulumi.runtime

SHOWN = 32
"""The status by which the official host knows that it need not report the error again."""


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description="Execute a Pulumi program")
    parser.add_argument("--project")
    parser.add_argument("--stack")
    parser.add_argument("--organization")
    parser.add_argument("--root-directory")
    parser.add_argument("--parallel", type=int)
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--monitor")
    parser.add_argument("--engine")
    parser.add_argument("program")
    parser.add_argument("arguments", nargs="*")
    options = parser.parse_args()

    # The folder of this file came first, where the program's own has to.
    sys.path[0] = str(_folder_of(options.program))
    sys.argv = [options.program, *options.arguments]
    pulumi.runtime.set_all_config(
        pulumi.runtime.get_config_env(), pulumi.runtime.config.get_config_secret_keys_env()
    )
    pulumi.runtime.configure(
        pulumi.runtime.Settings(
            project=options.project,
            stack=options.stack,
            monitor=options.monitor,
            engine=options.engine,
            parallel=options.parallel,
            dry_run=options.dry_run,
            organization=options.organization,
            root_directory=options.root_directory,
        )
    )
    # The SDK leaves tasks behind on purpose; asyncio's remarks on them are not for the user.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    try:
        return _run(options.program)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _run(program: str) -> int:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)

    def start() -> None:
        runpy.run_path(program, run_name="__main__")

    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(start))
    except pulumi.RunError as error:
        # The SDK wraps a broken connection in an error that says no more.
        if not _engine_has_gone(error.__context__):
            pulumi.log.error(str(error))
        return SHOWN
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            return error.code or 0
        pulumi.log.error(str(error.code))
        return SHOWN
    except Exception as error:
        return SHOWN if _engine_has_gone(error) else _report(error)
    finally:
        loop.close()
    return 0


def _engine_has_gone(error: BaseException | None) -> bool:
    """Whether the engine refused a policy violation or was cancelled; it has said why itself."""
    gone = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
    return isinstance(error, grpc.RpcError) and error.code() in gone


def _report(error: BaseException) -> int:
    """Show the error with the frames of the program, not with those that led there."""
    frames = error.__traceback__
    own = {__file__, runpy.__file__, asyncio.base_events.__file__, pulumi.runtime.stack.__file__}
    while frames is not None and frames.tb_next is not None:
        name = frames.tb_frame.f_code.co_filename
        if name not in own and not name.startswith("<frozen runpy"):
            break
        frames = frames.tb_next
    shown = "".join(traceback.format_exception(type(error), error, frames))
    pulumi.log.error("Program failed with an unhandled exception:\n" + shown)
    return SHOWN


def _folder_of(program: str) -> Path:
    path = Path(program).absolute()
    return path if path.is_dir() else path.parent


if __name__ == "__main__":
    # The loop's threads may wait for an engine that has gone; there is nothing left to wait for.
    status = main()
    os._exit(status)
