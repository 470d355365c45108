"""The metrics that are really exported, and whether an expression reads them as they are."""

from catalog.metrics.exported import exported
from catalog.metrics.metric import Metric

__all__ = ["Metric", "exported"]
