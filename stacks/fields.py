"""Where a key of a stack file is in the models of the settings."""

import typing
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic.fields import FieldInfo

from catalog.section import Section
from stacks.settings import Settings


@dataclass(frozen=True, slots=True)
class Located:
    """A key as the file writes it, its field, and the sections that its value may be."""

    path: tuple[str | int, ...]
    field: FieldInfo | None
    sections: Sequence[type[Section]]

    @property
    def description(self) -> str:
        """On one line, as messages want it."""
        return " ".join(((self.field.description or "") if self.field else "").split())


def located(location: Sequence[str | int]) -> Located:
    """Follow pydantic's location of an error, which also names the variant of a union."""
    path: list[str | int] = []
    field: FieldInfo | None = None
    sections: Sequence[type[Section]] = [Settings]
    for part in location:
        if isinstance(part, int):
            path.append(part)
            continue
        if len(sections) > 1 and (variants := [s for s in sections if kind_of(s) == part]):
            sections = variants
            continue
        path.append(part)
        fields = [section.model_fields.get(part) for section in sections]
        field = next((found for found in fields if found is not None), None)
        sections = sections_in(field.annotation) if field else []
    return Located(tuple(path), field, sections)


def sections_in(annotation: object) -> list[type[Section]]:
    """Sections that a value of this type is, or has as items; several for a union."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [found for inner in typing.get_args(annotation) for found in sections_in(inner)]


def kind_of(section: type[Section]) -> str | None:
    """The value of `kind` that chooses this variant of a union."""
    field = section.model_fields.get("kind")
    return str(typing.get_args(field.annotation)[0]) if field else None
