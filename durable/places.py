"""Where this checkout is, and the cache that checkouts share."""

import hashlib
import os
from pathlib import Path

PACKAGE_ROOT = Path(__file__).resolve().parent.parent
"""The checkout (or the folder of an installed copy) from which this package is imported."""


def checkout_key(root: Path) -> str:
    """What a checkout's own things are called where checkouts share a folder."""
    return hashlib.sha256(str(root).encode()).hexdigest()[:16]


def cache_root() -> Path:
    """`$MOE_CACHE_DIR`, else the user's cache folder: shared by all checkouts of one user."""
    if chosen := os.environ.get("MOE_CACHE_DIR"):
        return Path(chosen).expanduser().resolve()
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg) / "moe-serving"
    return Path.home() / ".cache" / "moe-serving"
