"""Fixtures that more than one folder of tests needs."""

import os
import signal
import sys
from pathlib import Path

import pytest

from sandbox.reporter import PlainReporter
from sandbox.toolchain.ensure import PrometheusTools, ensure_prometheus

# A shell without job control starts what is in the background with SIGINT ignored, and every
# child inherits that: the tests of Ctrl-C would then press a key that nobody hears.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Of a shell with the environment of `moe sandbox env`, or with somebody's real account.
_OF_THE_CALLER = ("AWS_", "KUBECONFIG", "MOE_CHART_MIRROR", "MOE_SANDBOX_DIR", "PULUMI_")
for name in [each for each in os.environ if each.startswith(_OF_THE_CALLER)]:
    del os.environ[name]


_TESTS = Path(__file__).parent
_FIRST = (_TESTS / "sandbox" / "test_prometheus.py", _TESTS / "engine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits for clocks and engines begins first; else it is what a worker ends with alone."""

    def turn(item: pytest.Item) -> int:
        turns = (turn for turn, path in enumerate(_FIRST) if item.path.is_relative_to(path))
        return next(turns, len(_FIRST))

    items.sort(key=turn)


@pytest.fixture(scope="session")
def prometheus_tools() -> PrometheusTools:
    """The real ones: minutes when they are not in the cache yet."""
    return ensure_prometheus(PlainReporter(sys.stderr))


@pytest.fixture(scope="session")
def promtool(prometheus_tools: PrometheusTools) -> Path:
    return prometheus_tools.promtool
