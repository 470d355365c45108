"""A stack's file keeps no salt of the sandbox, and one of its own is never touched."""

from pathlib import Path

import pytest

from sandbox import published_salt
from stacks.reading import SettingsError

SALT = "v1:UfYMyTvCDa8=:v1:3g8hk9uommJ/DxnH:aaiud5u5w1Qaa5wZmLmEazWY6UJdXQ=="
TEXT = "# First.\nconfig:\n  moe-serving:charts:  # why\n    gpu_operator: v26.7.0\n"
LINE = f"encryptionsalt: {SALT}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "stacks" / "Pulumi.dev.yaml"
    path.parent.mkdir()
    path.write_text(TEXT)
    return path


def noted(file: Path) -> Path:
    note = file.parent.parent / "note"
    published_salt.note_salt(note, file, SALT)
    return note


def test_what_pulumi_appended_goes_and_nothing_else(file: Path) -> None:
    note = noted(file)
    file.write_text(TEXT + LINE)
    assert published_salt.take_away(note, file)
    assert file.read_text() == TEXT


def test_a_salt_of_old_stays(file: Path) -> None:
    file.write_text(TEXT + LINE)
    assert not published_salt.take_away(noted(file), file)
    assert file.read_text() == TEXT + LINE


def test_the_next_up_does_not_forget_that_it_was_ours(file: Path) -> None:
    noted(file)
    file.write_text(TEXT + LINE)
    assert published_salt.take_away(noted(file), file)


@pytest.mark.parametrize("text", [TEXT, f"{TEXT}encryptionsalt: v1:another\n"])
def test_another_file_is_left_as_it_is(file: Path, text: str) -> None:
    note = noted(file)
    file.write_text(text)
    assert not published_salt.take_away(note, file)
    assert file.read_text() == text


def test_a_stack_that_needs_a_key_of_its_account_is_refused(file: Path) -> None:
    file.write_text(f"{TEXT}secretsprovider: awskms://alias/prod\nencryptedkey: AAAA\n")
    with pytest.raises(SettingsError) as refused:
        published_salt.refuse_key_of_an_account("dev", file.parent)
    assert [str(each).partition(" is of")[0] for each in refused.value.problems] == [
        "stacks/Pulumi.dev.yaml:5: secretsprovider: awskms://alias/prod",
        "stacks/Pulumi.dev.yaml:6: encryptedkey: AAAA",
    ]
