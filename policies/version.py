"""The version of the pack, as PulumiPolicy.yaml tells it to the engine."""

from pathlib import Path

from ruamel.yaml import YAML


def pack_version() -> str:
    project = YAML(typ="safe").load(Path(__file__).with_name("PulumiPolicy.yaml"))
    return str(project["version"])
