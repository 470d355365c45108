"""Stack files as people write them: in any order, with comments, quotes, indents and secrets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from catalog.project import PROJECT
from stacks import reading
from stacks.released import MOVED_KEYS

DEFAULTED = ("charts.leader_worker_set", "charts.keda")
"""Moved keys that a stack file need not have."""

_COMMENTS = st.sampled_from(["# why", "# moe-serving:charts:", "#", "# keda: 'none' @ {x}", "# é"])
_SECRETS: Mapping[str, Any] = {
    "team:token": {"secure": "v1:QUJD:" + "x" * 200 + "+/=="},
    "moe-serving-other:charts": {"keda": "1.1.1"},
    "aws:profile": "caf\\u00e9 \\x41",
}
_TOP = ("encryptionsalt: v1:IC65LTPO0wc=:v1:aYlZ:n1Rf+5A==", "secretsprovider: awskms://alias/x")


@dataclass(frozen=True)
class Line:
    """A line of a file, and the key that a release moves in it, if it does."""

    text: str
    moved: str = ""


@dataclass(frozen=True)
class Style:
    """How one file is written throughout."""

    indent: int
    list_offset: int
    line_end: str


@dataclass(frozen=True)
class StackFile:
    lines: tuple[Line, ...]
    style: Style
    ends_with_line_end: bool
    begins_with: str

    @property
    def text(self) -> str:
        ended = self.style.line_end if self.ends_with_line_end else ""
        return self.begins_with + self.style.line_end.join(each.text for each in self.lines) + ended


@st.composite
def stack_files(draw: st.DrawFn) -> StackFile:
    """Of stack `local`; each is valid."""
    style = Style(
        draw(st.integers(1, 4)), draw(st.integers(0, 2)), draw(st.sampled_from(["\n", "\r\n"]))
    )
    config = dict(reading.config_of(reading.stack_file("local")))
    charts = dict(config[f"{PROJECT}:charts"])
    for key in draw(st.lists(st.sampled_from(DEFAULTED), unique=True)):
        charts[key.split(".")[1]] = "0.1.2"
    config[f"{PROJECT}:charts"] = charts
    for name in draw(st.lists(st.sampled_from(sorted(_SECRETS)), unique=True)):
        config[name] = _SECRETS[name]
    lines = [Line("config:")]
    for name in draw(st.permutations(sorted(config))):
        lines += draw(_node(name, config[name], style, 1, ""))
    top = draw(st.lists(st.sampled_from(_TOP), unique=True))
    before = draw(st.integers(0, len(top)))
    lines = [*map(Line, top[:before]), *lines, *map(Line, top[before:])]
    begins = draw(st.sampled_from(["", "\ufeff", f"---{style.line_end}"]))
    return StackFile(tuple(lines), style, draw(st.booleans()), begins)


@st.composite
def _node(draw: st.DrawFn, key: str, value: Any, style: Style, depth: int, path: str) -> list[Line]:
    space = " " * (style.indent * depth)
    path = f"{path}.{key}" if path else key.removeprefix(f"{PROJECT}:")
    shown = draw(st.sampled_from([key, f'"{key}"', f"'{key}'"]))
    lines = [Line(each) for each in draw(st.lists(_between(), max_size=1))]
    if isinstance(value, dict):
        if path == "charts" and draw(st.booleans()):
            return [*lines, Line(f"{space}{shown}: {_flow(value)}", path)]
        lines.append(Line(f"{space}{shown}:{draw(_rest())}"))
        for name in draw(st.permutations(sorted(value))):
            lines += draw(_node(name, value[name], style, depth + 1, path))
        return lines
    if isinstance(value, list):
        if draw(st.booleans()):
            comma = draw(st.sampled_from([",", ", ", " , "]))
            return [*lines, Line(f"{space}{shown}: [{comma.join(value)}]{draw(_rest())}")]
        item = f"{space}{' ' * style.list_offset}-"
        return [*lines, Line(f"{space}{shown}:"), *(Line(f"{item} {each}") for each in value)]
    gap = " " * draw(st.integers(1, 4))
    moved = path if path in MOVED_KEYS else ""
    return [*lines, Line(f"{space}{shown}:{gap}{draw(_scalar(value))}{draw(_rest())}", moved)]


def _between() -> st.SearchStrategy[str]:
    """A line between two keys."""
    return st.one_of(
        st.just(""), st.builds(lambda n, text: " " * n + text, st.integers(0, 6), _COMMENTS)
    )


def _rest() -> st.SearchStrategy[str]:
    """What stands behind a value."""
    return st.one_of(st.sampled_from(["", "  "]), _COMMENTS.map(lambda text: f"   {text}"))


def _scalar(value: Any) -> st.SearchStrategy[str]:
    if isinstance(value, bool):
        return st.just(str(value).lower())
    if not isinstance(value, str):
        return st.just(str(value))
    quoted = [f'"{value}"', f"'{value}'"]
    is_text = value.replace(".", "").isdigit() and value.count(".") < 2
    return st.sampled_from(quoted if is_text or "{" in value or " " in value else [*quoted, value])


def _flow(values: Mapping[str, str]) -> str:
    return "{ " + ",  ".join(f"{key}: {value}" for key, value in values.items()) + "}"
