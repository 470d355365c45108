"""Kubernetes quantities ("600Gi", "0.5", "8", 8, "1e3") as exact numbers.

Grammar: apimachinery's pkg/api/resource/quantity.go.
"""

import math
import re
from decimal import Decimal
from types import MappingProxyType
from typing import Any

_SUFFIXES = MappingProxyType(
    {
        "": Decimal(1),
        "n": Decimal("1e-9"),
        "u": Decimal("1e-6"),
        "m": Decimal("1e-3"),
        **{suffix: Decimal(1000) ** n for n, suffix in enumerate("kMGTPE", 1)},
        **{f"{suffix}i": Decimal(1024) ** n for n, suffix in enumerate("KMGTPE", 1)},
    }
)
# Two digits of exponent pass the largest quantity there is, 2^63 - 1; more of them
# would make a number that takes all memory to write down.
_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40}))"
    r"(?:[eE](?P<exponent>[+-]?[0-9]{1,2})|(?P<suffix>[numkMGTPE]|[KMGTPE]i)?)"
)


def quantity(value: Any) -> Decimal | None:
    """The number that `value` stands for, or None where it is no quantity."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return Decimal(str(value)) if math.isfinite(value) else None
    if not isinstance(value, str) or not (match := _QUANTITY.fullmatch(value)):
        return None
    number = Decimal(match["number"])
    if match["exponent"]:
        return number.scaleb(int(match["exponent"]))
    return number * _SUFFIXES[match["suffix"] or ""]
