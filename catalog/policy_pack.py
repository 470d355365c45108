"""The version of the policy pack, as PulumiPolicy.yaml tells it to the engine."""

from pathlib import Path

from ruamel.yaml import YAML

_ROOT = Path(__file__).parents[1]


def pack_version(root: Path = _ROOT) -> str:
    project = YAML(typ="safe").load(root / "policies" / "PulumiPolicy.yaml")
    return str(project["version"])
