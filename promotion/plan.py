"""The digest of what the engine planned: the same for the same plan, whoever asks and when.

A saved plan (pulumi's sdk/go/common/apitype/plan.go) has for each resource a goal and steps, to
which `up --plan` holds the engine; and random seeds, outputs that are advisory (Kubernetes puts
times into them) and ciphertexts, which all differ from run to run.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from promotion.release import canonical

_HELD_TO = ("goal", "steps")
# pulumi's sdk/go/common/resource/sig: the key and the mark of a secret, beside its ciphertext.
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_MARK = "1b47061264138c4ac30d75fd1eb44270"
_CIPHERTEXT = "ciphertext"


def plan_digest(file: Path) -> str:
    """64 hex digits."""
    saved: dict[str, Any] = json.loads(file.read_text())
    plan = saved.get("plan", saved)
    resources = {
        urn: {key: planned.get(key) for key in _HELD_TO}
        for urn, planned in plan.get("resourcePlans", {}).items()
    }
    return hashlib.sha256(canonical(_without_ciphertexts(resources))).hexdigest()


def _without_ciphertexts(node: Any) -> Any:
    if isinstance(node, dict):
        left_out = _CIPHERTEXT if node.get(_SIGNATURE) == _MARK else None
        return {key: _without_ciphertexts(value) for key, value in node.items() if key != left_out}
    if isinstance(node, list):
        return [_without_ciphertexts(each) for each in node]
    return node
