"""Thresholds of the alerts, and where their runbooks are."""

from typing import Annotated

from pydantic import StringConstraints

from catalog.alerts import Thresholds


class AlertSettings(Thresholds):
    """Thresholds of the alerts, and where their runbooks are."""

    runbook_url: Annotated[str, StringConstraints(pattern=r"^https://[^\s{}]+\{alert\}[^\s{}]*$")]
    """Address of an alert's page, with `{alert}` for its name in lower case: where your team
    publishes docs/runbooks, such as https://git.example.com/moe/docs/runbooks/{alert}.md."""
