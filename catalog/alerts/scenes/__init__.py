"""Scenes in which each alert fires, stays quiet below, resolves and reads well.

They are what promtool calls unit tests. `make test` plays them, and so does a promotion, by
`python -m catalog.alerts.scenes PROMTOOL` in the program of the release.
"""

from collections.abc import Mapping
from types import MappingProxyType

from catalog.alerts.scenes import cluster, efa, experts, gpu, probe, slo, vllm
from catalog.alerts.scenes.scene import Scene

SCENES: Mapping[str, Scene] = MappingProxyType(
    {
        f"{scene.alert}: {name}": scene
        for topic in (vllm, slo, probe, cluster, gpu, efa, experts)
        for name, scene in topic.SCENES.items()
    }
)
"""All of them, by a name that a report can show."""
