"""The reader of allowed_signers, held against the real ssh-keygen."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from promotion.allowed_signers import AllowedSigners, NoAllowedSignersError
from promotion.places import ALLOWED_SIGNERS
from tests.promotion.people import ANN, BOB, CAT, Team, fingerprint, public


def keys_of(team: Team, *names: str) -> frozenset[str]:
    return AllowedSigners.read(team.root).keys_of(names)


def test_a_key_of_a_name(team: Team) -> None:
    assert keys_of(team, ANN) == {fingerprint(team.keys[ANN])}


def test_case_of_a_name_is_nothing_for_authors_and_something_for_ssh_keygen(team: Team) -> None:
    assert keys_of(team, "CAT@EXAMPLE.COM") == {fingerprint(team.keys[CAT])}
    signers = AllowedSigners.read(team.root)
    assert signers.knows(CAT)
    assert not signers.knows("cat@example.com")


@pytest.mark.parametrize(
    "line",
    [
        '{name} namespaces="git,file",valid-before="20200101Z" {key}',
        '{name} valid-after="20200101Z" {key} a comment',
        "  {name}\t{key}",
        '"{name}" {key}',
        "eve@example.org,{name} {key}",
        "*@example.com {key}",
        "a??@example.com {key}",
        "!eve@example.net,* {key}",
    ],
)
def test_lines_that_give_a_key(team: Team, line: str) -> None:
    team.allow("# a comment", "", line.format(name=ANN, key=public(team.keys[BOB])))
    assert keys_of(team, ANN) == {fingerprint(team.keys[BOB])}
    assert keys_of(team, "eve@example.net") == frozenset()


@pytest.mark.parametrize(
    "line",
    [
        "{name} cert-authority {key}",
        '{name} namespaces="git",cert-authority {key}',
        "!{name},a* {key}",
        "# {name} {key}",
        "# comment\x0c{name} {key}",
        "# comment\u2028{name} {key}",
        "{name}",
        "{name} ssh-ed25519",
        "{name} ssh-ed25519 %%%%",
        "{name} not-a-type AAAA",
    ],
)
def test_lines_that_give_none(team: Team, line: str) -> None:
    team.allow(line.format(name=ANN, key=public(team.keys[BOB])), team.line(CAT))
    assert keys_of(team, ANN) == frozenset()
    assert keys_of(team, CAT) == {fingerprint(team.keys[CAT])}, "the next line is read"


_PATTERN = st.lists(st.sampled_from("ab*?!.@"), min_size=1, max_size=4).map("".join)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(patterns=st.lists(_PATTERN, min_size=1, max_size=3), name=st.text("ab.@", min_size=1))
@example(patterns=["a*", "!ab"], name="ab")
@example(patterns=["!a"], name="b")
@example(patterns=["!!a"], name="!a")
def test_patterns_match_as_those_of_ssh_keygen(team: Team, patterns: list[str], name: str) -> None:
    team.allow(f"{','.join(patterns)} {public(team.keys[ANN])}")
    said = subprocess.run(
        ["ssh-keygen", "-Y", "match-principals", "-I", name, "-f", ALLOWED_SIGNERS],  # noqa: S607
        cwd=team.root,
        capture_output=True,
        check=False,
    )
    assert AllowedSigners.read(team.root).knows(name) is (said.returncode == 0)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(NoAllowedSignersError, match="^releases/allowed_signers cannot be read: No"):
        AllowedSigners.read(tmp_path)


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / ALLOWED_SIGNERS).mkdir(parents=True)
    with pytest.raises(NoAllowedSignersError, match="cannot be read: Is a directory"):
        AllowedSigners.read(tmp_path)
