"""A closed terminal, or a `kill`, ends a command as Ctrl-C does: what it began is ended too."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGHUP, signal.SIGTERM)


@contextmanager
def ended_by_any_signal() -> Iterator[None]:
    """KeyboardInterrupt in the block, whichever of the signals comes."""
    # Under nohup a closed terminal is nothing to us.
    heard = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, _interrupt) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    # Shell and kernel both tell of a closed terminal, and a second interrupt means "at once".
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
