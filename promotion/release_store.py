"""Releases as files: `releases/<id>.json`, whose name is the digest of what is in it."""

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from durable.files import create_file
from promotion.errors import PromotionError
from promotion.places import RELEASES
from promotion.release import SHOWN_DIGITS, Release
from stacks.released import Released

_FEWEST_DIGITS = 4
_ALL_DIGITS = 64


class ReleaseStore:
    """The releases of the repository in `root`."""

    def __init__(self, root: Path) -> None:
        self._folder = root / RELEASES

    def add(self, release: Release) -> bool:
        """Whether it is new."""
        path = self.file(release)
        try:
            create_file(path, text_of(release))
        except FileExistsError:
            self._read(path)
            return False
        return True

    def file(self, release: Release) -> Path:
        return self._folder / f"{release.id}.json"

    def get(self, digits: str) -> Release:
        """By its id or its first digits; raises PromotionError where that is none or several."""
        if len(digits) < _FEWEST_DIGITS or not set(digits) <= set("0123456789abcdef"):
            raise PromotionError(
                f"release {digits}: allowed: at least {_FEWEST_DIGITS} of the first hex digits of"
                " its id (`moe release list`)"
            )
        if len(digits) == _ALL_DIGITS:
            path = self._folder / f"{digits}.json"
            found = [path] if path.exists() else []
        else:
            found = sorted(self._folder.glob(f"{digits}*.json"))
        if len(found) == 1:
            return self._read(found[0])
        if found:
            several = ", ".join(path.stem[:SHOWN_DIGITS] for path in found)
            raise PromotionError(f"release {digits}: several begin so: {several}")
        raise PromotionError(f"release {digits}: there is none; `moe release list` shows them")

    def of(self, contents: Released) -> Release | None:
        """One with these contents; of several the one of the smallest id."""
        for path in sorted(self._folder.glob("*.json")):
            try:
                release = self._read(path)
            except PromotionError:
                # The gate `record` tells of it, where it matters.
                continue
            if release.contents == contents:
                return release
        return None

    def __iter__(self) -> Iterator[Release]:
        """All, in the order of their ids; raises PromotionError for one that was changed."""
        for path in sorted(self._folder.glob("*.json")):
            yield self._read(path)

    def _read(self, path: Path) -> Release:
        name = f"{RELEASES}/{path.name}"
        try:
            release = Release.model_validate_json(path.read_bytes())
        except (ValidationError, OSError) as error:
            raise PromotionError(f"{name}: is no release: {error}") from None
        if release.id != path.stem:
            raise PromotionError(
                f"{name}: its content has the digest {release.short_id}: somebody has changed it"
            )
        return release


def text_of(release: Release) -> str:
    return json.dumps(release.model_dump(), indent=2, sort_keys=True) + "\n"
