"""What every group of settings is made of."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """What every section shares: frozen, no unknown keys, no silent conversions."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )
