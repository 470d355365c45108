"""How long a model server may take before it answers.

A start-up probe that gives up too early kills a pod that was still loading:
the same download begins again, for ever, on a node that costs money.
"""

import math

from catalog.instance_types import MIB
from catalog.models import Model

INITIALISATION_S = 900
"""torch.compile, CUDA graphs and NCCL set-up after the weights are there, generously."""

LEAST_S = 1800
"""Starts of half an hour were met where less was expected (kubeai#172, kserve#5062)."""


def read_s(model: Model, *, mib_per_s: int) -> int:
    """Seconds that one read of all weights takes."""
    return math.ceil(model.weights_bytes / MIB / mib_per_s)


def startup_budget_s(model: Model, *, slowest_mib_per_s: int) -> int:
    """Seconds from container start to a first healthy answer, in the worst case."""
    return max(LEAST_S, read_s(model, mib_per_s=slowest_mib_per_s) + INITIALISATION_S)
