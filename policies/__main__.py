"""Serves the pack to the engine (`pulumi up --policy-pack policies`)."""

from pulumi_policy import EnforcementLevel, PolicyPack

from policies import (
    capacity_agrees,
    efa_interfaces,
    efa_placement,
    efa_security_group,
    efa_used,
    engine_across_nodes,
    gpu_limits,
    gpu_memory_utilization,
    gpu_operator_ami,
    gpu_taints_tolerated,
    helm_release_timeout,
    image_pinned,
    launch_template_hardened,
    memory_limit,
    model_fits,
    server_drains,
    server_layout,
    shared_memory,
    startup_budget,
)

PolicyPack(
    name="moe-serving",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        image_pinned.POLICY,
        gpu_limits.POLICY,
        memory_limit.POLICY,
        gpu_memory_utilization.POLICY,
        shared_memory.POLICY,
        startup_budget.POLICY,
        server_layout.POLICY,
        model_fits.POLICY,
        server_drains.POLICY,
        engine_across_nodes.POLICY,
        gpu_taints_tolerated.POLICY,
        gpu_operator_ami.POLICY,
        helm_release_timeout.POLICY,
        launch_template_hardened.POLICY,
        capacity_agrees.POLICY,
        efa_interfaces.POLICY,
        efa_security_group.POLICY,
        efa_placement.POLICY,
        efa_used.POLICY,
    ],
)
