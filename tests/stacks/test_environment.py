"""Variables of one stack over those of the shell."""

from pathlib import Path

import pytest

from stacks.environment import environment_file, environment_of


@pytest.fixture(autouse=True)
def shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "of-the-shell")
    monkeypatch.setenv("KEPT", "yes")


def test_without_a_file_it_is_the_shell(tmp_path: Path) -> None:
    assert environment_of("prod", tmp_path)["AWS_PROFILE"] == "of-the-shell"


def test_the_file_is_over_the_shell_and_of_its_stack_alone(tmp_path: Path) -> None:
    assert environment_file("prod", tmp_path) == tmp_path / "prod.env"
    (tmp_path / "prod.env").write_text("# account\nAWS_PROFILE=prod\nPASSPHRASE='a $KEPT b'\n")
    found = environment_of("prod", tmp_path)
    assert (found["AWS_PROFILE"], found["KEPT"]) == ("prod", "yes")
    assert found["PASSPHRASE"] == "a $KEPT b", "no variable of the shell is put into it"
    assert environment_of("dev", tmp_path)["AWS_PROFILE"] == "of-the-shell"


def test_a_name_alone_takes_a_variable_away_and_an_empty_one_stays(tmp_path: Path) -> None:
    (tmp_path / "prod.env").write_text("AWS_PROFILE\nKEPT=\n")
    found = environment_of("prod", tmp_path)
    assert "AWS_PROFILE" not in found
    assert found["KEPT"] == ""
