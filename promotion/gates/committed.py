"""What decides is what the team has committed: both stacks' files, and the keys of approvers.

Else an edit that nobody has seen could take a demand away, appoint an approver, or go along with
the release. What a release moves may differ: so it is once a file is written, until that is
committed.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from catalog.project import PROJECT
from gate.stacks import git
from gate.stacks.git import GitError
from promotion.gate import GateResult, failed, passed
from promotion.places import ALLOWED_SIGNERS
from stacks.released import IMAGE, MOVED_KEYS

GATE = "committed"

_SALT = "encryptionsalt"


def judge(root: Path, source: str | None, target: str) -> GateResult:
    """Compares the checkout with HEAD."""
    differing = list(_differing(root, source, target))
    if not differing:
        return passed(GATE, "stack files and keys of approvers are those of HEAD")
    return failed(
        GATE,
        f"not as HEAD has it: {', '.join(differing)}",
        remedy="commit it, have it reviewed as your branch demands, or take it back",
    )


def _differing(root: Path, source: str | None, target: str) -> Iterator[str]:
    signers = root / ALLOWED_SIGNERS
    if (signers.read_bytes() if signers.exists() else None) != _committed(root, ALLOWED_SIGNERS):
        yield str(ALLOWED_SIGNERS)
    for stack in filter(None, (source, target)):
        file = Path("stacks") / f"Pulumi.{stack}.yaml"
        if _unmoved(_committed(root, file)) != _unmoved((root / file).read_bytes()):
            yield str(file)


def _committed(root: Path, file: Path) -> bytes | None:
    try:
        return git.content(root, "HEAD", file)
    except GitError:
        return None


def _unmoved(content: bytes | None) -> object:
    """All that the file says, without what a release moves; Pulumi's salt is no setting.

    An environment or a secrets provider decides too, and is told beside the config.
    """
    try:
        document = YAML(typ="safe").load(content or b"")
    except YAMLError:
        return content
    config = document.get("config") if isinstance(document, Mapping) else None
    if not isinstance(config, Mapping):
        return content
    unmoved = {name: _section(name.removeprefix(f"{PROJECT}:"), of) for name, of in config.items()}
    return {**document, _SALT: None, "config": unmoved}


def _section(name: str, section: Any) -> Any:
    if not isinstance(section, Mapping):
        return section
    kept = {key: each for key, each in section.items() if f"{name}.{key}" not in MOVED_KEYS}
    if f"{name}.image" == IMAGE:
        kept["repository"] = str(section.get("image")).partition("@")[0]
    return kept
