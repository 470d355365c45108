"""Writes the picture of the status page for the docs: `python -m tests.browser.picture`."""

import sys

from durable.places import PACKAGE_ROOT
from promotion.status.page import page
from tests.browser.chromium import NAMES, chromium_on_path, started
from tests.promotion.status.statuses import usual_day

PICTURE = PACKAGE_ROOT / "docs" / "images" / "status-page.png"
_WIDTH, _HEIGHT = 1280, 880


def main() -> None:
    executable = chromium_on_path()
    if executable is None:
        sys.exit(f"no browser on PATH: none of {', '.join(NAMES)}")
    with started(executable) as browser:
        shown = browser.new_page(viewport={"width": _WIDTH, "height": _HEIGHT})
        shown.set_content(page(usual_day()))
        shown.screenshot(path=PICTURE)


if __name__ == "__main__":
    main()
