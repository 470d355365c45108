"""What a release moves from stack to stack, and nothing else: the allow-list, and its values.

Accounts, sizes, networks and secrets are not here, so no promotion can move them.
"""

import hashlib
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from catalog.alerts import digest as alert_rules
from catalog.policy_pack import pack_version
from catalog.section import Section
from stacks.settings import Settings

IMAGE = "model_server.image"
"""Of it the digest alone moves: each account has a registry of its own."""
MOVED_KEYS = (
    IMAGE,
    "model_server.revision",
    "charts.gpu_operator",
    "charts.aws_efa_k8s_device_plugin",
    "charts.kube_prometheus_stack",
    "charts.leader_worker_set",
    "charts.keda",
    "cluster.system_ami_release_version",
    "gpu_node_group.ami_release_version",
)
"""Keys of a stack's file that a release moves, without the project's prefix."""

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]

_ROOT = Path(__file__).parents[1]
_PROGRAM = (
    *("Pulumi.yaml", "__main__.py", "uv.lock"),
    *("catalog", "components", "efa_exporter", "expert_metrics", "policies", "stacks"),
)
_SUFFIXES = frozenset({".csv", ".json", ".lock", ".py", ".yaml"})
_OF_ONE_STACK = "Pulumi."


class Released(Section):
    """What a stack runs, as far as stacks have it in common; its output `release`."""

    model: str
    """Name of the model that the revision is of; it is not moved, and must be the same."""
    settings: dict[str, Annotated[str, Field(min_length=1)]]
    """Value of each of MOVED_KEYS; of the image its digest alone."""
    policy_pack: str
    """Version of the policy pack."""
    alert_rules: Digest
    """Digest of the alert rules of the catalogue, thresholds of a stack's own left out."""
    program: Digest
    """Digest of the program's files, the policies among them; stack files left out."""


def released(settings: Settings, root: Path = _ROOT) -> Released:
    """What a stack of these settings runs under the program in `root`."""
    return Released(
        model=settings.model_server.model,
        settings=moved_values(settings),
        policy_pack=pack_version(root),
        alert_rules=alert_rules.digest(),
        program=program_digest(root),
    )


def moved_values(settings: Settings) -> dict[str, str]:
    values = {}
    for key in MOVED_KEYS:
        section, name = key.split(".")
        value = str(getattr(getattr(settings, section), name))
        values[key] = value.rpartition("@")[2] if key == IMAGE else value
    return values


def program_digest(root: Path) -> str:
    """The same for the same files, wherever they lie and whenever they were written."""
    total = hashlib.sha256()
    for path in _program_files(root):
        content = hashlib.sha256((root / path).read_bytes()).hexdigest()
        total.update(f"{path.as_posix()}\0{content}\n".encode())
    return f"sha256:{total.hexdigest()}"


def _program_files(root: Path) -> list[Path]:
    found = []
    for name in _PROGRAM:
        top = root / name
        files = [top] if top.is_file() else top.rglob("*")
        found += [file.relative_to(root) for file in files if file.suffix in _SUFFIXES]
    return sorted(path for path in found if not _is_of_one_stack(path) and not _is_hidden(path))


def _is_of_one_stack(path: Path) -> bool:
    return path.parent.name == "stacks" and path.name.startswith(_OF_ONE_STACK)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
