"""What the documents say of our tests and files is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_TEST = re.compile(r"`(tests/(?:[\w]+/)*test_\w+\.py)(?:::(\w+))?`")
_CODE = re.compile(r"`[^`]*`")
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_test_that_is_named_exists(document: Path) -> None:
    for file, name in _TEST.findall(document.read_text()):
        tree = ast.parse((ROOT / file).read_text())
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert any(each.startswith("test_") for each in names), file
        assert not name or name in names, f"{file}::{name}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    text = _CODE.sub("", document.read_text())
    for target in _LINK.findall(text):
        assert (document.parent / target).exists(), target
