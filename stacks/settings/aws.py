"""Account, region and the tags of a bill."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from catalog.section import Section
from stacks.settings.section import refused

_TagKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:/=+@-]+$", max_length=128)]
_TagValue = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_ .:/=+@-]*$", max_length=256)]


OWN_TAGS = ("Name", "project", "stack")
"""Tags that the program sets itself."""


class AwsSettings(Section):
    """Which account and region the stack lives in."""

    account_id: Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
    """Twelve digits; with credentials of any other account nothing is created."""
    region: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
    """Region of everything in the stack."""
    cost_tags: dict[_TagKey, _TagValue] = Field(default_factory=dict, max_length=40)
    """Tags on everything, the nodes' instances and volumes included, to split a bill by."""

    @model_validator(mode="after")
    def _tags_are_free(self) -> Self:
        for key in self.cost_tags:
            if key.lower().startswith("aws:") or key in OWN_TAGS:
                raise refused("cost_tags", key, f"keys other than aws:*, {', '.join(OWN_TAGS)}")
        return self
