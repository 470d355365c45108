"""Makes moto give the same answer to the same request twice: ids and times as they were.

moto draws the ids that matter here from one random source and takes the times from one function,
but for that of a bucket, so three seams are enough. They are internals of the moto version that the
lock file pins; a test that kills and restarts the server shows when they move.
"""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.core import base_backend
from moto.core import utils as core_utils
from moto.moto_api._internal import mock_random
from moto.s3 import models as s3_models


class _Clock:
    """Stands for the module `datetime` inside moto's modules; its `now` can be held still."""

    def __init__(self) -> None:
        self.held: datetime.datetime | None = None
        self.datetime = self

    def now(self, tz: datetime.tzinfo | None = None) -> datetime.datetime:
        return datetime.datetime.now(tz) if self.held is None else self.held.astimezone(tz)

    def __getattr__(self, name: str) -> Any:
        # Reached for everything but `now`: first the class (strptime, …), then the module (UTC, …).
        return getattr(datetime.datetime, name, None) or getattr(datetime, name)


_clock = _Clock()


def install() -> None:
    """Put the seams in. Once, before the first request, in a process that serves nothing else."""
    for module in (core_utils, s3_models):
        vars(module)["datetime"] = _clock
    create = base_backend.AccountSpecificBackend.__getitem__

    def create_alike(self: Any, region: str) -> Any:
        # A backend makes its default VPC, images and so on when it is first touched, often by a
        # read that no journal holds; its ids must not depend on when that is.
        if region in self.keys():
            return create(self, region)
        before = mock_random.getstate()
        mock_random.seed(f"{self.service_name}/{self.account_id}/{region}")
        try:
            return create(self, region)
        finally:
            mock_random.setstate(before)

    base_backend.AccountSpecificBackend.__getitem__ = create_alike  # type: ignore[method-assign]


@contextmanager
def as_at(index: int, moment: float) -> Iterator[None]:
    """While the block runs, ids follow from `index` and moto's clock stands at `moment` (Unix)."""
    mock_random.seed(index)
    _clock.held = datetime.datetime.fromtimestamp(moment, datetime.UTC)
    try:
        yield
    finally:
        _clock.held = None
