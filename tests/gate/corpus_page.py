"""`python -m tests.gate.corpus_page`: writes docs/false-alarms.md of a run over the corpus.

Fails where the pack finds something that no verdict is about: then it is a false alarm to mend,
or a verdict to write.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gate.report import Item
from policies.pack import listed
from tests.gate.corpus import SOURCES, Source, Tally, built_helm, tally
from tests.gate.corpus_verdicts import VERDICTS, unjudged, verdict_of

PAGE = Path(__file__).parents[2] / "docs/false-alarms.md"
_INTRODUCTION = """\
# False alarms

The pack over the Kubernetes manifests, charts and YAML examples of Go modules and of source
distributions of PyPI that serve models, or run beside them. No policy may find what a reviewer
would not agree with; this page has every kind of finding, and why one would. `python -m
tests.gate.corpus_page` makes it, with the network, in some minutes; it fails on a kind of finding
that has no verdict in `tests/gate/corpus_verdicts.py`. `make test` has manifests of the same
shapes, of our own writing (`tests/gate/manifest_texts.py`), and needs no network.

Each file is one input, each YAML example of a Markdown page, and each chart as Helm renders it
with its own values; no `--instance-type` is given. Few of them serve models: most say that good
code of other kinds is left alone. Nothing here was written for this pack, so that a finding is no
judgement of its authors.
"""
_UNREAD = """\
Not read are fragments, inputs of kustomize and of other renderers, manifests with mistakes that
tests want, charts that need values, and files of other programs that have `apiVersion` and `kind`.
`moe check manifests` ends with one error for each, which names the file and the line.
"""
_MENDED = """\
## Mended by this

| policy | what it said | of what |
|---|---|---|
| `kubernetes-llm-server-gpu-limits` and others of servers | asks for NVIDIA GPUs | vLLM on TPUs \
and on CPUs |
| `kubernetes-llm-server-gpu-limits` | 16 GPUs for a pod of eight | the leader of an engine that \
Ray spreads over two nodes |
| `kubernetes-llm-engine-across-nodes` | an engine on 1 pod in groups of 2 | the same |
| `kubernetes-config-map-no-secrets` | a secret by its name | KServe's settings of credentials, a \
file of JSON |
| `kubernetes-container-no-plain-secrets` | a secret by its name | `MYSQL_ALLOW_EMPTY_PASSWORD`, \
etcd's `--initial-cluster-token` |
"""


def page(tallies: Mapping[Source, Tally]) -> str:
    return "\n".join([_INTRODUCTION, *_sources(tallies), *_kinds(tallies), _MENDED])


def _sources(tallies: Mapping[Source, Tally]) -> Iterator[str]:
    yield "## What was read\n"
    columns = "charts | files | examples | not read | objects | containers | LLM servers"
    yield f"| source | version | {columns} |"
    yield "|---|---|--:|--:|--:|--:|--:|--:|--:|"
    for source, told in tallies.items():
        numbers = (
            told.charts,
            told.files,
            told.examples,
            len(told.unread),
            told.objects,
            told.containers,
        )
        shown = " | ".join(str(number) for number in (*numbers, told.servers))
        yield f"| {source.name} | {source.version} | {shown} |"
    yield f"\n{_UNREAD}"
    yield "## Findings by policy\n"
    yield "| source | findings | of which by policy |"
    yield "|---|--:|---|"
    for source, told in tallies.items():
        by_policy = Counter(item.rule for item in told.found).most_common()
        shown = ", ".join(f"{name} {count}" for name, count in by_policy)
        yield f"| {source.name} | {len(told.found)} | {shown} |"
    silent = {each.policy.name for each in listed()} - {item.rule for item in _all(tallies)}
    yield f"\nFound nothing here, or had nothing to judge: {', '.join(sorted(silent))}.\n"


def _kinds(tallies: Mapping[Source, Tally]) -> Iterator[str]:
    yield "## Why a reviewer agrees\n"
    yield "| policy | found | findings | why |"
    yield "|---|---|--:|---|"
    counts = Counter(verdict_of(item) for item in _all(tallies))
    for verdict in VERDICTS:
        example = next((i for i in _all(tallies) if verdict_of(i) is verdict), None)
        if example is not None:
            yield f"| `{verdict.policy}` | {_found(example)} | {counts[verdict]} | {verdict.why} |"
    yield ""


def _found(item: Item) -> str:
    """What it says was found; a value of others is no text of ours, so none is shown."""
    said = item.message.partition(": found ")[2].partition("; allowed")[0]
    return f"{said.split()[0]} ..." if said.startswith(("image", "entry")) else said


def _all(tallies: Mapping[Source, Tally]) -> Sequence[Item]:
    return [item for told in tallies.values() for item in told.found]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        helm = built_helm(Path(folder))
        tallies = {source: tally(source, helm) for source in SOURCES}
    PAGE.write_text(page(tallies))
    if left := unjudged(_all(tallies)):
        sys.exit("\n".join(["findings without a verdict:", *(i.message for i in left)]))


if __name__ == "__main__":
    main()
