"""The settings of the stack that the engine is running."""

import pulumi
from pulumi.runtime.config import CONFIG

from stacks.reading import SettingsError, from_pulumi_config
from stacks.settings import Settings


def settings() -> Settings:
    """Settings of the current stack; a refusal ends the program before any resource."""
    try:
        return from_pulumi_config(CONFIG.get(), pulumi.get_stack())
    except SettingsError as error:
        raise pulumi.RunError(f"the settings are refused\n{error}") from None
