"""Rules for a clock that runs `speed` times as fast, so that `for: 5m` is over in seconds.

Prometheus evaluates alerts at its own time alone, so history that is filled in beforehand brings no
alert to pending. Time itself is compressed instead: scenes are played `speed` times as fast, and in
the rules

- every duration (`for`, ranges, offsets, intervals) is divided by `speed`,
- what counts per second (`rate`, `irate`, `deriv`) is divided by it too: a counter that grows
  by its true rate a second of the scene grows `speed` times that a second of Prometheus,
- `time()` is multiplied by it: timestamps in a scene are on the scene's clock.

Everything else is the same at any speed: levels, ratios, quantiles, `increase`, `changes`, and
thresholds on them. A rule that asks for more of the clock than this is refused.
"""

import re
from typing import Any

_TOKEN = re.compile(
    r"""
      (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|\#[^\n]*|\s+)
    | (?P<offset>(?i:offset)\s+-?\s*(?=\d))
    | (?P<duration>(?:\d+(?:ms|[smhdwy]))+(?![\w.]))
    | (?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<call>[a-zA-Z_]\w*(?=\s*\())
    | (?P<name>:?[a-zA-Z_][\w:]*)
    | (?P<open>[(\[{])
    | (?P<close>[)\]}])
    | (?P<other>.)
    """,
    re.VERBOSE,
)
_DURATION_PART = re.compile(r"(\d+)(ms|[smhdwy])")
_MS = {
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}
_OTHER_CLOCKS = {
    *("predict_linear", "timestamp", "minute", "hour", "month", "year"),
    *("day_of_week", "day_of_month", "day_of_year", "days_in_month"),
}
_GROUP_DURATIONS = ("interval", "query_offset")
_RULE_DURATIONS = ("for", "keep_firing_for")


class ClockError(ValueError):
    """A rule that would mean something else on a faster clock; the message says what in it."""


def compressed_groups(groups: list[dict[str, Any]], speed: int) -> list[dict[str, Any]]:
    """Groups of a rule file, for a clock that runs `speed` times as fast; raises ClockError."""
    if speed == 1:
        return groups
    return [
        {
            **_compressed_fields(group, _GROUP_DURATIONS, speed),
            "rules": [
                {
                    **_compressed_fields(rule, _RULE_DURATIONS, speed),
                    "expr": compressed_expression(str(rule["expr"]), speed),
                }
                for rule in group["rules"]
            ],
        }
        for group in groups
    ]


def compressed_duration(text: str, speed: int) -> str:
    """A Prometheus duration such as `1h30m`, divided."""
    whole_ms = sum(int(count) * _MS[unit] for count, unit in _DURATION_PART.findall(text))
    return _in_ms(whole_ms, speed)


def compressed_expression(expression: str, speed: int) -> str:
    """The same PromQL, but for durations, functions that count per second, and `time()`."""
    after_call = {
        **dict.fromkeys(("rate", "irate", "deriv"), f" / {speed})"),
        "time": f" * {speed})",
    }
    written: list[str] = []
    open_brackets: list[tuple[str, str]] = []
    """Each with what follows where it closes."""
    pending = ""
    is_offset = False
    for token in _TOKEN.finditer(expression):
        kind, text = token.lastgroup, token.group()
        in_range = bool(open_brackets) and open_brackets[-1][0] == "["
        if text == "@" or (kind == "call" and text in _OTHER_CLOCKS):
            raise ClockError(f"{text} cannot be put on another clock, in: {expression}")
        if kind == "call" and text in after_call:
            pending = after_call[text]
            text = f"({text}"
        elif kind == "open":
            open_brackets.append((text, pending))
            pending = ""
        elif kind == "close" and open_brackets:
            text += open_brackets.pop()[1]
        elif kind == "duration" and (in_range or is_offset):
            text = compressed_duration(text, speed)
        elif kind == "number" and (in_range or is_offset):
            text = _in_ms(float(text) * _MS["s"], speed)
        is_offset = kind == "offset"
        written.append(text)
    return "".join(written)


def _compressed_fields(
    fields: dict[str, Any], durations: tuple[str, ...], speed: int
) -> dict[str, Any]:
    return {
        key: compressed_duration(str(value), speed) if key in durations else value
        for key, value in fields.items()
    }


def _in_ms(whole_ms: float, speed: int) -> str:
    # Prometheus knows nothing finer than a millisecond.
    return f"{round(whole_ms / speed)}ms"
