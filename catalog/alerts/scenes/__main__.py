"""`python -m catalog.alerts.scenes PROMTOOL [PASSED]`: 0 where all scenes come out as they tell.

Else 1, and what came out otherwise on standard error. PASSED is a folder that remembers which did.
"""

import sys
from pathlib import Path

from catalog.alerts.scenes import SCENES
from catalog.alerts.scenes.play import play
from catalog.alerts.scenes.scene import alerts

_every = set(alerts())
_firing = {scene.alert for scene in SCENES.values() if scene.firing_min is not None}
if _never := sorted(_every - _firing):
    sys.exit(f"no scene in which it fires: {', '.join(_never)}")
if _said := play(SCENES, *map(Path, sys.argv[1:])):
    sys.exit(_said)
sys.stdout.write(
    f"{len(SCENES)} scenes: each of {len(_every)} alerts fires, and is quiet, when it should\n"
)
