"""Runbook pages: up to date, found by the address in the alert, and otherwise as written."""

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import urlopen

import pytest

from catalog.alerts import Alert, Thresholds, rule_groups, runbooks

GROUPS = rule_groups(runbooks.EXAMPLE, Thresholds())
ALERTS = {alert.name: alert for group in GROUPS for alert in group.alerts}


class _Pages(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing of each request."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where docs/runbooks is served."""
    handler = partial(_Pages, directory=runbooks.FOLDER)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_pages_and_index_are_up_to_date() -> None:
    late = [path.name for path in runbooks.out_of_date()]
    assert not late, "run python -m catalog.alerts.runbooks"


@pytest.mark.parametrize("alert", ALERTS.values(), ids=ALERTS.keys())
def test_the_address_in_the_alert_leads_to_what_fired(alert: Alert, address: str) -> None:
    rule = alert.rule(f"{address}/{{alert}}.md")
    # Ends with an error where no page is.
    with urlopen(rule["annotations"]["runbook_url"]) as answer:
        title, text = answer.read().decode().split("\n", 1)
    assert title == f"# {rule['alert']}"
    assert f"```promql\n{rule['expr']}\n```" in text


@pytest.mark.parametrize("alert", ALERTS.values(), ids=ALERTS.keys())
def test_a_page_says_what_it_means_where_to_look_and_what_to_do(alert: Alert) -> None:
    headings = re.findall(r"^## (.+)$", (runbooks.FOLDER / f"{alert.page}.md").read_text(), re.M)
    assert headings == ["What it means", "Look", "Do"]


def test_the_index_leads_to_every_page() -> None:
    index = (runbooks.FOLDER / runbooks.INDEX).read_text()
    pages = {path.name for path in runbooks.FOLDER.glob("*.md")} - {runbooks.INDEX}
    assert set(re.findall(r"\]\((\w+\.md)\)", index)) == pages
    assert re.findall(r"^## (.+)$", index, re.M) == [group.name for group in GROUPS]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy in which every page has no block yet."""
    for path in runbooks.FOLDER.glob("*.md"):
        title = path.read_text().split("\n", 1)[0]
        (tmp_path / path.name).write_bytes(
            f"{title}\n\nBy hand:  kept.\r\n\n\n## Do\nNo end".encode()
        )
    return tmp_path


def test_what_is_written_by_hand_stays_byte_for_byte(folder: Path) -> None:
    page = folder / "highkvcacheusage.md"
    runbooks.write(folder)
    first = page.read_bytes()
    assert first.startswith(b"# HighKVCacheUsage\n\n<!-- ")
    assert first.endswith(b"\n\nBy hand:  kept.\r\n\n\n## Do\nNo end")
    page.write_bytes(first.replace(b"> 0.9", b"> 0.8").replace(b"By hand", b"Again by hand"))
    assert runbooks.out_of_date(folder) == [page]
    runbooks.write(folder)
    assert page.read_bytes() == first.replace(b"By hand", b"Again by hand")
    assert runbooks.out_of_date(folder) == []


def test_a_missing_page_is_named_and_nothing_is_written(folder: Path) -> None:
    (folder / "gpulost.md").unlink()
    (folder / "nodeunhealthy.md").write_text("# Node unhealthy\n")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(runbooks.MissingPageError) as error:
        runbooks.write(folder)
    missing, misnamed = sorted(str(error.value).splitlines())
    assert "gpulost.md" in missing
    assert "'# GPULost\\n'" in missing
    assert "nodeunhealthy.md" in misnamed
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_write_that_fails_leaves_the_page_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in folder.glob("*.md")}

    def full(path: Path, text: str, **_: object) -> int:
        with path.open("w") as file:
            file.write(text[:10])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="no space"):
        runbooks.write(folder)
    assert {path.name: path.read_bytes() for path in folder.glob("*.md")} == before
