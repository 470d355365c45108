"""Numbers in Grafana's units, short enough for an axis."""

from collections.abc import Callable, Sequence

_SI = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""))
_BYTES = ((1e12, " TB"), (1e9, " GB"), (1e6, " MB"), (1e3, " kB"), (1, " B"))
_MIB = ((2**20, " TiB"), (2**10, " GiB"), (1, " MiB"))
_HERTZ = ((1e9, " GHz"), (1e6, " MHz"), (1e3, " kHz"), (1, " Hz"))
_WATT = ((1e3, " kW"), (1, " W"))


def _scaled(scale: Sequence[tuple[float, str]], after: str = "") -> Callable[[float], str]:
    def write(value: float) -> str:
        for size, name in scale:
            if abs(value) >= size:
                return f"{value / size:.3g}{name}{after}"
        size, name = scale[-1]
        return f"{value / size:.3g}{name}{after}"

    return write


def _seconds(value: float) -> str:
    if value and abs(value) < 1:
        return f"{value * 1000:.3g} ms"
    return f"{value:.3g} s"


_BY_UNIT: dict[str, Callable[[float], str]] = {
    "none": "{:.3g}".format,
    "short": _scaled(_SI),
    "percent": "{:.3g} %".format,
    "percentunit": lambda value: f"{value * 100:.3g} %",
    "s": _seconds,
    "decbytes": _scaled(_BYTES),
    "Bps": _scaled(_BYTES, "/s"),
    "mbytes": _scaled(_MIB),
    "hertz": _scaled(_HERTZ),
    "watt": _scaled(_WATT),
    "celsius": "{:.3g} °C".format,
    "reqps": _scaled(_SI, " req/s"),
    "pps": _scaled(_SI, " p/s"),
    "cps": _scaled(_SI, " /s"),
    "cpm": _scaled(_SI, " /min"),
}


def written(value: float, unit: str) -> str:
    """Raises KeyError for a unit that no dashboard has."""
    if unit.startswith("suffix:"):
        return _scaled(_SI)(value) + unit.removeprefix("suffix:")
    return _BY_UNIT[unit](value)
