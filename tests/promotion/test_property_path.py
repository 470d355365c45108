"""Paths as Pulumi writes them, and what lies there."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.property_path import ABSENT, SECRET, holds_secret, parse, value_at

WRAPPED = {
    "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
    "ciphertext": "[secret]",
}
"""A secret as the engine writes it into an event."""


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        # Of the comment on ParsePropertyPath.
        ("root.nested", ("root", "nested")),
        ('root["nested"]', ("root", "nested")),
        ('root["double"].nest', ("root", "double", "nest")),
        ("root.array[0][1].nested", ("root", "array", 0, 1, "nested")),
        ('root["key with \\"escaped\\" quotes"]', ("root", 'key with "escaped" quotes')),
        ('["root key with a ."][100]', ("root key with a .", 100)),
        ("foo-bar", ("foo-bar",)),
        # A dot before a bracket is what old providers write.
        ("root.[0]", ("root", 0)),
        # The engine takes what it cannot read as one key.
        (".root", (".root",)),
        ("root[", ("root[",)),
        ("root[1", ("root[1",)),
    ],
)
def test_paths_are_read_as_the_engine_reads_them(path: str, steps: tuple[str | int, ...]) -> None:
    assert parse(path) == steps


@given(st.lists(st.one_of(st.text(alphabet='ab."[]/-', min_size=1), st.integers(0, 99))))
def test_any_path_that_is_written_is_read_back(steps: list[str | int]) -> None:
    """As the Kubernetes provider writes them: quoted where a key has a dot or a bracket."""
    written = ""
    for step in steps:
        if isinstance(step, int):
            written += f"[{step}]"
        else:
            quoted = step.replace('"', '\\"')
            written += f'["{quoted}"]'
    assert parse(written) == tuple(steps)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b[1]", 2),
        ("a.b", [1, 2]),
        ('a["x.y"]', None),
        ("a.b[2]", ABSENT),
        ("a.c", ABSENT),
        ("a.b.c", ABSENT),
        ("a[0]", ABSENT),
        ("s", SECRET),
        ("s.below[0]", SECRET),
        ("list", [SECRET, {"inner": SECRET}]),
    ],
)
def test_what_lies_at_a_path(path: str, value: Any) -> None:
    properties = {
        "a": {"b": [1, 2], "x.y": None},
        "s": WRAPPED,
        "list": [WRAPPED, {"inner": WRAPPED}],
    }
    assert value_at(path, properties) == value


@pytest.mark.parametrize(
    ("value", "holds"),
    [(SECRET, True), ({"a": [SECRET]}, True), (["[secret"], False), (None, False), (ABSENT, False)],
)
def test_a_secret_is_found_at_any_depth(value: Any, holds: bool) -> None:
    assert holds_secret(value) is holds
