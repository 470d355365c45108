"""Fixtures that more than one folder of tests needs."""

import sys
from pathlib import Path

import pytest

from sandbox.reporter import PlainReporter
from sandbox.toolchain.ensure import ensure_promtool


@pytest.fixture(scope="session")
def promtool() -> Path:
    """The real promtool: minutes when it is not in the cache yet."""
    return ensure_promtool(PlainReporter(sys.stderr))
