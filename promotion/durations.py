"""Lengths of time in words."""

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


def shown_hours(hours: float) -> str:
    """The two largest units, such as `3 d 4 h`; under a minute is `0 min`."""
    seconds = round(hours * 3_600)
    parts = []
    for unit, length in _UNITS:
        count, seconds = divmod(seconds, length)
        parts.append((count, unit))
    while len(parts) > 1 and parts[0][0] == 0:
        parts.pop(0)
    return " ".join(f"{count} {unit}" for count, unit in parts[:2] if count or len(parts) == 1)
