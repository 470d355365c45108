"""What the whole program declares for a stack, by Pulumi's own mocks: no engine, no sandbox."""

import json
import runpy
from dataclasses import dataclass
from typing import Any

import pulumi
from ruamel.yaml import YAML

from sandbox.paths import PACKAGE_ROOT


@dataclass(frozen=True)
class Declared:
    type: str
    name: str
    inputs: dict[str, Any]

    @property
    def kind(self) -> str:
        return str(self.inputs.get("kind", ""))

    @property
    def metadata_name(self) -> str:
        return str(self.inputs["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.inputs["metadata"]["namespace"])

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.inputs["metadata"].get("labels") or {})


_COMPUTED: dict[str, dict[str, Any]] = {
    "aws:eks/cluster:Cluster": {
        "certificateAuthority": {"data": "Y2E="},
        "endpoint": "https://eks",
    },
}
"""What AWS would add and the program reads on."""


class _Mocks(pulumi.runtime.Mocks):
    """Every resource becomes what it was declared as."""

    def __init__(self) -> None:
        self.declared: list[Declared] = []

    def new_resource(
        self, args: pulumi.runtime.MockResourceArgs
    ) -> tuple[str | None, dict[Any, Any]]:
        self.declared.append(Declared(args.typ, args.name, dict(args.inputs)))
        return f"{args.name}-id", {**args.inputs, **_COMPUTED.get(args.typ, {})}

    def call(
        self, args: pulumi.runtime.MockCallArgs
    ) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        return dict(args.args), None


def declared(stack: str = "local") -> list[Declared]:
    """In the order of the program, as far as that is fixed."""
    mocks = _Mocks()
    file = PACKAGE_ROOT / "stacks" / f"Pulumi.{stack}.yaml"
    config = YAML(typ="safe").load(file)["config"]
    pulumi.runtime.set_mocks(mocks, project="moe-serving", stack=stack, preview=False)
    pulumi.runtime.set_all_config({key: json.dumps(value) for key, value in config.items()})
    program = str(PACKAGE_ROOT / "__main__.py")
    # Waits until everything is declared.
    run = pulumi.runtime.test(lambda: runpy.run_path(program) and None)  # type: ignore[no-untyped-call]
    run()
    return mocks.declared
