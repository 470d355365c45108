"""A digest of the rules as the catalogue has them, whatever a stack serves."""

import hashlib
import json

from catalog.alerts import Served, Thresholds, rule_groups

_EVERY_GROUP = Served(
    namespace="any",
    model_name="any",
    experts=8,
    gpus_per_node=8,
    startup_s=600,
    engine_has_metrics=True,
    queue_is_limited=True,
    spans_nodes=True,
    expert_metrics=True,
)


def digest() -> str:
    """`sha256:` and 64 hex digits over expressions, durations, labels and texts."""
    groups = [
        group.as_dict("https://any/{alert}") for group in rule_groups(_EVERY_GROUP, Thresholds())
    ]
    text = json.dumps(groups, sort_keys=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
