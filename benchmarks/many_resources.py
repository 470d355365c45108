"""As many resources as one likes, as our own program declares them and the engine sends them.

A block is what two models more bring into a stack, one on one node and one across two: servers,
nodes, rights, charts and dashboards, from the program itself by Pulumi's mocks. Each block has
names and ids of its own.
"""

import json
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from google.protobuf import json_format
from pulumi.runtime.proto import analyzer_pb2

from tests.components.declared import Declared, declared
from tests.policies.engine_input import urn

BLOCK = 50
_AROUND = (
    *("aws:ec2/launchTemplate:", "aws:ec2/placementGroup:", "aws:ec2/securityGroup:"),
    *("aws:eks/nodeGroup:", "aws:iam/role", "aws:kms/", "aws:vpc/", "kubernetes:"),
)
_ACROSS_NODES = {
    "image": f"registry.example.com/vllm-efa@sha256:{'5' * 64}",
    "engine": {"kind": "vllm", "pipeline_parallel_size": 2, "efa_installer": "1.51.0"},
}
_OWN_NAMES = ("moe-local", "model-server", "mixtral-8x7b-instruct")
_OF_THE_CLUSTER = ("gpu-operator", "aws-efa-k8s-device-plugin", "kube-prometheus-stack")
"""Charts that a cluster has once: copies are other charts of as many values."""


@cache
def _block() -> list[Declared]:
    warnings.simplefilter("ignore", DeprecationWarning)
    alone, across = declared({}), declared(_ACROSS_NODES)
    found = [each for each in alone if each.type.startswith(_AROUND)]
    found += [
        Declared(each.type, f"{each.name}-across", each.inputs)
        for each in across
        if "model-server" in each.name and each.type.startswith("kubernetes:")
    ]
    # The largest first, so that the smallest number asked for has servers.
    found.sort(key=lambda each: (-len(json.dumps(each.inputs, default=str)), each.type, each.name))
    return found[:BLOCK]


def resources(number: int) -> Iterator[analyzer_pb2.AnalyzerResource]:
    """What the engine sends of the whole stack; of one resource it sends the same, but the id."""
    for index in range(number):
        copy, at = divmod(index, BLOCK)
        each = _block()[at]
        name = f"{each.name}-{copy}"
        text = json.dumps({**each.inputs, "id": f"{each.name}-id"})
        for own in (*_OWN_NAMES, *(_OF_THE_CLUSTER if copy else ())):
            text = text.replace(own, f"{own}-{copy}")
        found = analyzer_pb2.AnalyzerResource(type=each.type, name=name, urn=urn(each.type, name))
        json_format.ParseDict(json.loads(text), found.properties)
        yield found
