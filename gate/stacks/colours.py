"""The engine writes colours as tags into its texts."""

import re

_TAG = re.compile(r"<\{%.*?%\}>")


def plain(text: str) -> str:
    return _TAG.sub("", text).strip()
