import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from durable.places import PACKAGE_ROOT
from gate.report import Change
from gate.stacks.events import changes
from promotion.gate import Outcome
from promotion.gates.protected import PROTECTED, judge
from tests.gate.stacks.recorded import step

NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def change(operation: str, kind: str, *keys: str, protected: bool = False) -> Change:
    urn = f"urn:pulumi:prod::moe-serving::{kind}::gpu"
    return Change(operation, urn, kind, "gpu", protected, keys, keys)


def test_a_node_group_that_would_be_replaced_is_refused_by_name_and_key() -> None:
    moved = [change("update", DEPLOYMENT), change("replace", NODE_GROUP, "amiType", "subnetIds")]
    result = judge(moved)
    assert result.outcome is Outcome.FAILED
    assert result.evidence == "1 of 2 changes would replace or delete what is protected"
    assert result.details == (
        'replace of NodeGroup "gpu", forced by amiType, subnetIds:'
        " its nodes go first, and GPUs may not be had again",
    )


@pytest.mark.parametrize("kind", PROTECTED)
@pytest.mark.parametrize("operation", ["delete", "replace"])
def test_every_kind_of_the_table_is_kept(kind: str, operation: str) -> None:
    assert judge([change(operation, kind)]).outcome is Outcome.FAILED
    for harmless in ("create", "update", "import"):
        assert judge([change(harmless, kind)]).outcome is Outcome.PASSED


def test_whatever_has_protect_set_is_kept() -> None:
    assert judge([change("replace", DEPLOYMENT)]).outcome is Outcome.PASSED
    result = judge([change("delete", DEPLOYMENT, protected=True)])
    assert result.details == ('delete of Deployment "gpu": protect is set on it',)


def test_a_replacement_as_the_engine_tells_it_in_three_steps() -> None:
    keys = {"keys": ["amiType"], "detailedDiff": {"amiType": {"kind": "update-replace"}}}
    told = [
        step("delete-replaced", NODE_GROUP, "gpu", **keys),
        step("replace", NODE_GROUP, "gpu", **keys),
        step("create-replacement", NODE_GROUP, "gpu", **keys),
    ]
    (line,) = judge(changes(told)).details
    assert line.startswith('replace of NodeGroup "gpu", forced by amiType:')


def test_no_change_passes() -> None:
    assert judge([]).outcome is Outcome.PASSED


def test_the_table_has_kinds_that_components_make_and_no_others() -> None:
    assert set(PROTECTED) <= set(_made())


def _made() -> Iterator[str]:
    """Type tokens of the classes of both SDKs that components call, as the SDK has them."""
    for path in (PACKAGE_ROOT / "components").glob("*.py"):
        module = importlib.import_module(f"components.{path.stem}")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                made = _named(module, node.func)
                if isinstance(made, type) and hasattr(made, "_internal_init"):
                    yield _token(made)


def _named(module: object, node: ast.expr) -> object:
    if isinstance(node, ast.Name):
        return getattr(module, node.id, None)
    if isinstance(node, ast.Attribute):
        return getattr(_named(module, node.value), node.attr, None)
    return None


@cache
def _token(made: type) -> str:
    """What its constructor tells the engine; empty where that depends on its arguments."""
    told = rf"super\({made.__name__}, __self__\)\.__init__\(\s*['\"]([^'\"]+)['\"]"
    found = re.search(told, Path(inspect.getfile(made)).read_text())
    return found[1] if found else ""
