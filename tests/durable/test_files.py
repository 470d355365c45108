"""Files that are created in one step."""

import os
from multiprocessing import get_context
from pathlib import Path

import pytest

from durable import files
from durable.files import create_file


def test_the_second_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "made" / "entry.json"
    create_file(file, "first")
    with pytest.raises(FileExistsError):
        create_file(file, "second")
    assert file.read_text() == "first"
    assert [each.name for each in file.parent.iterdir()] == ["entry.json"]


def test_the_names_of_new_folders_are_made_durable_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is a name in the one above it."""
    synced: list[Path] = []
    sync = files._sync_folder

    def noted(folder: Path) -> None:
        synced.append(folder)
        sync(folder)

    monkeypatch.setattr(files, "_sync_folder", noted)
    create_file(tmp_path / "releases" / "record" / "dev" / "1.json", "first")
    parts = ("releases", "releases/record", "releases/record/dev")
    assert sorted(synced) == [tmp_path, *(tmp_path / part for part in parts)]
    synced.clear()
    create_file(tmp_path / "releases" / "record" / "dev" / "2.json", "second")
    assert synced == [tmp_path / "releases" / "record" / "dev"]


def _killed_behind_its_link(file: Path) -> None:
    files._sync_folder = lambda folder: None
    Path.unlink = lambda self, missing_ok=False: os._exit(9)  # type: ignore[method-assign]
    create_file(file, "first")


def test_the_draft_of_a_killed_writer_is_not_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "entry.json"
    killed = get_context("fork").Process(target=_killed_behind_its_link, args=(file,))
    killed.start()
    killed.join()
    (draft,) = tmp_path.glob(".*")
    assert draft.samefile(file)
    monkeypatch.setattr(os, "getpid", lambda: killed.pid)
    with pytest.raises(FileExistsError):
        create_file(file, "second")
    assert file.read_text() == "first"
