"""Serves the pack to the engine (`pulumi up --policy-pack policies`)."""

from pulumi_policy import EnforcementLevel, PolicyPack

from policies import (
    efa_interfaces,
    efa_placement,
    efa_security_group,
    gpu_limits,
    gpu_memory_utilization,
    image_pinned,
    memory_limit,
    model_fits,
)

PolicyPack(
    name="moe-serving",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        image_pinned.POLICY,
        gpu_limits.POLICY,
        memory_limit.POLICY,
        gpu_memory_utilization.POLICY,
        model_fits.POLICY,
        efa_interfaces.POLICY,
        efa_security_group.POLICY,
        efa_placement.POLICY,
    ],
)
