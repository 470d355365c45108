"""How long a model server may take before it answers.

A start-up probe that gives up too early kills a pod that was still loading:
the same download begins again, for ever, on a node that costs money.
"""

import math

from catalog.instance_types import MIB
from catalog.models import Model

HUB_MIB_PER_S = 200
S3_MIB_PER_S = 500
FILE_SYSTEM_MIB_PER_S = 250
"""Slowest reads of weights that a start survives where nobody says another: from Hugging Face, by
a streamer from S3, and from a shared file system."""

INITIALISATION_S = 900
"""torch.compile, CUDA graphs and NCCL set-up after the weights are there, generously."""

LEAST_S = 1800
"""Starts of half an hour were met where less was expected (kubeai#172, kserve#5062)."""


def read_s(model: Model, *, mib_per_s: int) -> int:
    """Seconds that one read of all weights takes."""
    return math.ceil(model.weights_bytes / MIB / mib_per_s)


def loading_s(model: Model, *, slowest_mib_per_s: int) -> int:
    """Seconds that reading all weights and setting up take, in the worst case."""
    return read_s(model, mib_per_s=slowest_mib_per_s) + INITIALISATION_S


def startup_budget_s(model: Model, *, slowest_mib_per_s: int) -> int:
    """Seconds from container start to a first healthy answer, in the worst case."""
    return max(LEAST_S, loading_s(model, slowest_mib_per_s=slowest_mib_per_s))
