"""The settings of the stack that the engine is running."""

import pulumi
from pulumi.runtime.config import CONFIG

from catalog.project import PROJECT
from stacks.advice import advice
from stacks.reading import SettingsError, from_pulumi_config
from stacks.settings import Settings


def settings() -> Settings:
    """Settings of the current stack, with what is odd about them as warnings.

    A refusal ends the program before any resource.
    """
    try:
        accepted = from_pulumi_config(CONFIG.get(), pulumi.get_stack())
    except SettingsError as error:
        raise pulumi.RunError(f"the settings are refused\n{error}") from None
    for each in advice(accepted):
        pulumi.log.warn(f"{PROJECT}:{each.key}: {each.message}")
    return accepted
