"""Waivers from a file of their own, for those who have no stack's file to keep them in."""

from pathlib import Path

from pydantic import ValidationError

from catalog.waivers import Waiver, from_plain
from gate.manifests.yaml_values import YamlError, load


class WaiversError(Exception):
    """Names the file, the waiver and what is wrong with it."""


def read(path: Path) -> tuple[Waiver, ...]:
    """A list as under `moe-serving:waivers` of a stack's file. Raises WaiversError."""
    try:
        given = load(path.read_text(encoding="utf-8-sig"))
        return from_plain(() if given is None else given)
    except OSError as error:
        raise WaiversError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise WaiversError(f"{path} is not UTF-8 text") from None
    except YamlError as error:
        raise WaiversError(f"{path}:{error.line}: {error.why}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise WaiversError(
            f"{path}: {where}: {first['msg']}; allowed: a list of maps with policy, resource,"
            " reason, owner and expires"
        ) from None
