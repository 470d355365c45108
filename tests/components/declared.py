"""What the whole program declares for stack `local`, by Pulumi's mocks: no engine, no sandbox."""

import json
import runpy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from ruamel.yaml import YAML

from durable.places import PACKAGE_ROOT


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
    "kubernetes:core/v1:PersistentVolume": {"metadata": {"name": "weights"}},
    "kubernetes:core/v1:PersistentVolumeClaim": {"metadata": {"name": "weights"}},
}
"""What AWS and Kubernetes would add and the program reads on."""


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


def declared(
    model_server: Mapping[str, object], model_weights: Mapping[str, object] | None = None
) -> list[Declared]:
    """With these settings of the model server changed, and the weights elsewhere if they are given;
    in no fixed order."""
    mocks = _Mocks()
    config = YAML(typ="safe").load(PACKAGE_ROOT / "stacks" / "Pulumi.local.yaml")["config"]
    config["moe-serving:model_server"] |= model_server
    if model_weights is not None:
        config["moe-serving:model_weights"] = dict(model_weights)
    pulumi.runtime.set_mocks(mocks, project="moe-serving", stack="local", preview=False)
    pulumi.runtime.set_all_config({key: json.dumps(value) for key, value in config.items()})
    program = str(PACKAGE_ROOT / "__main__.py")
    # Waits until everything is declared.
    run = pulumi.runtime.test(lambda: runpy.run_path(program) and None)  # type: ignore[no-untyped-call]
    run()
    return mocks.declared
