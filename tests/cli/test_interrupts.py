"""A closed terminal and a `kill` are interrupts; under nohup the first is not."""

import os
import signal
from contextlib import nullcontext

import pytest

from cli.interrupts import ended_by_any_signal


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_interrupts_once(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with ended_by_any_signal():
        for expected in (pytest.raises(KeyboardInterrupt), nullcontext()):
            with expected:
                os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before


def test_nohup_stays_in_force() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_any_signal():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
