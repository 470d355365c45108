"""Whatever a program declares: no policy crashes, and none is fooled by how it is written.

The whole pack runs, so a new policy is in by itself. It starts from what our own program
declares, of which one place is spoilt.
"""

import copy
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi_policy import proxy

from policies import declared as kept
from policies.finding import Finding, Kind
from policies.pack import Pack, Subject
from tests.components.declared import declared
from tests.policies.engine_input import FUZZ, options, proxied, resource, urn
from tests.policies.rewrites import REWRITES, Given

PACK = Pack()
SERVERS = ("Deployment", "LeaderWorkerSet")
ACROSS_NODES = {
    "image": f"registry.example.com/vllm-efa@sha256:{'5' * 64}",
    "engine": {"kind": "vllm", "pipeline_parallel_size": 2, "efa_installer": "1.51.0"},
}
EXAMPLES = int(os.environ.get("MOE_FUZZ_EXAMPLES", "40"))
"""Of each test; a thousand take some minutes."""

UNKNOWNS = sorted(value for name, value in vars(proxy).items() if name.startswith("UNKNOWN_"))
WORDS = st.sampled_from(
    [
        *(
            "",
            "-",
            "--",
            "=",
            "8",
            "08",
            "8.0",
            "1e3",
            "-1",
            "600Gi",
            "600 GB",
            "0x8",
            "nan",
            "inf",
        ),
        *("true", "null", "$(A)", "${A", "$@", "'", '"', "\\", "\x00", "٣", "*", "0.0.0.0/0"),
        *("sh", "-c", "vllm serve", "vllm serve $@", "vllm", "serve", "--tensor-parallel-size=all"),
        *("--max-model-len", "--eplb-config={", "9" * 400, "a" * 20_000),
        *UNKNOWNS,
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | WORDS
)
ODD = st.recursive(
    SCALARS,
    lambda each: (
        st.lists(each, max_size=4) | st.dictionaries(st.text(max_size=8), each, max_size=4)
    ),
    max_leaves=12,
)


@cache
def program() -> tuple[tuple[str, str, dict[str, Any]], ...]:
    """Type, name and inputs of all that has something to check."""
    warnings.simplefilter("ignore", DeprecationWarning)
    found = {}
    for settings_ in ({}, ACROSS_NODES):
        for each in declared(settings_):
            if not re.match("pulumi:|moe-serving:|aws:ec2/(vpcEndpoint|route|subnet)", each.type):
                inputs = {k: v for k, v in each.inputs.items() if k != "data"}
                found[(each.type, each.name)] = {**inputs, "id": f"{each.name}-id"}
    return tuple((kind, name, props) for (kind, name), props in sorted(found.items()))


@cache
def tokens() -> tuple[str, ...]:
    """Every type that a policy names, and those of the program."""
    text = "".join(p.read_text() for p in Path(kept.__file__).parent.glob("**/*.py"))
    named = re.findall(r'"((?:aws|kubernetes):[\w./-]+:\w+)"', text)
    return tuple(sorted({*named, *(kind for kind, _, _ in program())}))


def findings(changed: str, given_: Given) -> list[Finding]:
    """Of the resource `changed`, with these type and properties, and of the stack around it."""
    kept._inputs.clear()
    kind, props = given_
    members = [resource(k, n, p) for k, n, p in program() if n != changed]
    subject = Subject(kind, changed, urn(kind, changed), proxied(props), options())
    found = PACK.of_resource(subject)
    found += PACK.of_stack([*members, resource(kind, changed, props)])
    crashed = [each for each in found if "policy itself failed" in each.message]
    assert not crashed, crashed
    return found


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if way:
        yield way
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*way, key))


@st.composite
def spoilt(draw: st.DrawFn, names: Sequence[str] = ()) -> tuple[str, Given]:
    """A resource of the program, one place of which is gone or holds something else."""
    kinds = [each for each in program() if not names or each[0].endswith(tuple(names))]
    kind, name, props = draw(st.sampled_from(kinds))
    props = copy.deepcopy(props)
    *way, last = draw(st.sampled_from(list(places(props))))
    inner: Any = props
    for key in way:
        inner = inner[key]
    if draw(st.booleans()):
        inner[last] = draw(ODD)
    else:
        del inner[last]
    return name, (kind, props)


@settings(FUZZ, max_examples=EXAMPLES)
@given(spoilt())
def test_no_policy_crashes_where_one_place_is_odd(example: tuple[str, Given]) -> None:
    findings(*example)


@settings(FUZZ, max_examples=EXAMPLES)
@given(st.data())
def test_no_policy_crashes_at_any_properties(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(tokens()))
    props = data.draw(st.dictionaries(st.text(max_size=8), ODD, max_size=4))
    findings("odd", (kind, props))


@pytest.mark.parametrize("depth", [10, 80])
@pytest.mark.parametrize("kind", SERVERS)
def test_no_policy_crashes_in_deep_properties(kind: str, depth: int) -> None:
    (token, name, props) = next(each for each in program() if each[0].endswith(kind))
    deep: Any = "bottom"
    for level in range(depth):
        deep = [deep] if level % 2 else {"spec": deep}
    for way in [each for each in places(props) if len(each) < 8]:
        changed = copy.deepcopy(props)
        inner: Any = changed
        for key in way[:-1]:
            inner = inner[key]
        inner[way[-1]] = deep
        findings(name, (token, changed))
        if depth > 10:
            break


@pytest.mark.parametrize("rewrite", REWRITES)
@pytest.mark.parametrize("kind", SERVERS)
def test_good_code_is_good_however_it_is_written(kind: str, rewrite: str) -> None:
    token, name, props = next(each for each in program() if each[0].endswith(kind))
    before = refused(findings(name, (token, props)))
    after = refused(findings(name, REWRITES[rewrite]((token, props))))
    assert after <= before


@settings(FUZZ, max_examples=EXAMPLES)
@given(
    spoilt(SERVERS),
    st.lists(st.sampled_from(sorted(REWRITES)), min_size=1, max_size=3, unique=True),
)
def test_what_is_refused_is_refused_however_it_is_written(
    example: tuple[str, Given], rewrites: list[str]
) -> None:
    name, bad = example
    before = refused(findings(name, bad))
    written = bad
    for each in rewrites:
        written = REWRITES[each](written)
    after = {each.policy for each in findings(name, written)}
    assert before <= after, (before - after, rewrites)


def refused(found: Sequence[Finding]) -> set[str]:
    return {each.policy for each in found if each.kind is Kind.VIOLATION}
