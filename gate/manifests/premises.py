"""Which policies have something to judge in manifests; of the others the report says why not.

A policy whose premise is missing finds nothing, and nobody may read that as a pass.
"""

from pulumi_policy import Policy

_TAINTS = "kubernetes-gpu-taints-tolerated"


def why_not_run(policy: Policy) -> str | None:
    """None where it is run. The first word of a name is whose resources the policy judges."""
    if policy.name.startswith("aws-"):
        return "judges AWS resources of a Pulumi program"
    if "helm" in (policy.tags or ()):
        return "judges Helm releases of a Pulumi program"
    if policy.name == _TAINTS:
        return "judges taints, which node groups of a Pulumi program have"
    return None
