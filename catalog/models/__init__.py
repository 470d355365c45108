"""Models that can be served: one file each in `entries/`.

`moe model add` writes an entry from a model's config.json; nothing else has to change.
"""

from pathlib import Path
from types import MappingProxyType

from catalog.models.model import Model, Quantization

__all__ = ["ENTRIES", "MODELS", "Model", "Quantization", "entries_in", "entry_file", "model"]

ENTRIES = Path(__file__).parent / "entries"


def entry_file(name: str) -> str:
    """File name of the entry of `name`: its Hugging Face id with `--` for the slash."""
    return f"{name.replace('/', '--')}.json"


def entries_in(folder: Path) -> dict[str, Model]:
    """The models that have a file in `folder`, the smallest first."""
    entries = [Model.model_validate_json(file.read_bytes()) for file in folder.glob("*.json")]
    return {entry.name: entry for entry in sorted(entries, key=lambda entry: entry.parameters)}


MODELS = MappingProxyType(entries_in(ENTRIES))
"""By Hugging Face id, the smallest first."""


def model(name: str) -> Model:
    """The catalogue entry of `name`; a ValueError names the models that exist."""
    try:
        return MODELS[name]
    except KeyError:
        raise ValueError(
            f"unknown model {name!r}; allowed: {', '.join(MODELS)}, or one that `moe model add`"
            " writes from a config.json"
        ) from None
