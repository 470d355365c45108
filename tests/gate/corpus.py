"""The pack over other people's manifests: fetched, judged, counted.

Go modules and source distributions of PyPI come at a pinned version and hash; charts in them are
rendered by Helm, which is built of its own module. Nothing of their text is kept here. Each file,
each rendered chart and each YAML example of a Markdown page is judged as one input.
`tests.gate.corpus_page` makes docs/false-alarms.md of it.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import textwrap
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from pypi_simple import PyPISimple

from gate.manifests.check import Asked, check
from gate.manifests.files import SUFFIXES, Limits, documents
from gate.manifests.objects import Objects, read
from gate.manifests.problem import ManifestError
from gate.report import Item
from policies.kubernetes.workloads import containers
from policies.review import Resource, Review
from policies.servers.llm_servers import llm_servers

_EXAMPLE = re.compile(
    r"^(?P<indent>[ >]*)```ya?ml[^\n]*\n(?P<text>.*?)^(?P=indent)```", re.DOTALL | re.MULTILINE
)
HELM = "helm.sh/helm/v3/cmd/helm@v3.18.6"


@dataclass(frozen=True, slots=True)
class Source:
    """A Go module and its hash as go.sum has it, or a project of PyPI and its SHA-256."""

    name: str
    version: str
    hash: str

    @property
    def is_go_module(self) -> bool:
        return self.hash.startswith("h1:")


SOURCES = (
    Source(
        "github.com/NVIDIA/gpu-operator",
        "v0.0.0-20250917190837-d73a0086a6ba",
        "h1:LoeqwWjR0h2WRyHXmyYCPVwM/dAdKKxjE8LzyyeuqHI=",
    ),
    Source(
        "github.com/cert-manager/cert-manager",
        "v1.21.2",
        "h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=",
    ),
    Source(
        "github.com/kedacore/keda/v2",
        "v2.21.0",
        "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",
    ),
    Source(
        "github.com/kserve/kserve",
        "v0.15.0",
        "h1:TK6lN8XVIzc/5KQ76GULEKYiJ2obkTRRI3Z2Iwuld5Y=",
    ),
    Source(
        "github.com/kubeflow/trainer/v2",
        "v2.0.0",
        "h1:mnQSR9iPKItxyUR8mq66XsmxqKNVHwr9YYOB7BTU9dU=",
    ),
    Source(
        "github.com/kubeflow/training-operator",
        "v1.8.1",
        "h1:mVvoBSCInbMBX0gGSn4+Ihj3ycwoLO1iEAw+0qPhQfc=",
    ),
    Source(
        "github.com/prometheus-operator/prometheus-operator",
        "v0.85.0",
        "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
    ),
    Source(
        "github.com/ray-project/kuberay/ray-operator",
        "v1.5.0",
        "h1:KCjCQ7PSsvs9Ke+90CZbbs498nuaIJ/JkXk4vd54EVg=",
    ),
    Source(
        "istio.io/istio",
        "v0.0.0-20260827124520-eed52ebb66ad",
        "h1:ui9TJjRMAV/hb5ehQaZDq7IUGxuQP6dra9lapT/VjHI=",
    ),
    Source(
        "k8s.io/kubernetes",
        "v1.37.2",
        "h1:A2VDEiObzkYqFTKhSsn0ZEb0RlLEXpHWj93gi2HqEwE=",
    ),
    Source(
        "knative.dev/serving",
        "v0.51.0",
        "h1:yN2Q7eYqJgoPfZkATjoBZyGbZ2P1Qhns9HIMU4mF+to=",
    ),
    Source(
        "sigs.k8s.io/gateway-api-inference-extension",
        "v0.4.0",
        "h1:JoTYxBCkQStJGpV1rwdAR6oDrxquyLsNMECY1My7Ggk=",
    ),
    Source(
        "sigs.k8s.io/karpenter",
        "v1.8.0",
        "h1:AmTHUPtnuL8IX9mbcD3NOohyk62idrBCBtM+8Wn6Jvk=",
    ),
    Source(
        "sigs.k8s.io/kueue",
        "v0.17.0",
        "h1:7hzb38M4eKGzYW+CFv2s1L+swzzacUCHOCXxZmAV90I=",
    ),
    Source(
        "sigs.k8s.io/lws",
        "v0.9.0",
        "h1:DcJCgxjjoGOx//QHZkeKpyiblxYq70aCRZNYSfykWyI=",
    ),
    Source(
        "llm-d-planner",
        "0.3.3",
        "0e10838e8e496c39c7235d05cbad83e560f02eb62fa56487a50032d72e1c0566",
    ),
    Source(
        "lmcache",
        "0.5.7rc2",
        "afe0713416c9b5a55ac2202560893dabe268ea72c9c778ef7fc75d818a7cd96f",
    ),
    Source(
        "skypilot",
        "0.9.3",
        "9088b4607ace5574b8a73379968a033ce29fdc90f68bfb4ed07e04dee4681ee6",
    ),
    Source(
        "vllm",
        "0.9.2",
        "6b0d855ea8ba18d76364c9b82ea94bfcaa9c9e724055438b5733e4716ed104e1",
    ),
)


@dataclass
class Tally:
    """Of one source."""

    charts: int = 0
    files: int = 0
    examples: int = 0
    unread: list[str] = field(default_factory=list)
    objects: int = 0
    containers: int = 0
    servers: int = 0
    found: list[Item] = field(default_factory=list)

    def add(self, objects: Objects) -> None:
        self.objects += len(objects.found)
        for each in objects.found:
            subject = Resource(each.type, each.name, "", each.props)
            review = Review(_says_nothing)
            self.containers += len(list(containers(review, subject)))
            self.servers += len(list(llm_servers(review, subject)))
        self.found += check(objects, Asked()).items


def tally(source: Source, helm: Path) -> Tally:
    with tempfile.TemporaryDirectory() as folder:
        root = (_go_module if source.is_go_module else _sdist)(source, Path(folder))
        return _tally_of(root, helm)


def _tally_of(root: Path, helm: Path) -> Tally:
    told = Tally()
    charts = {path.parent for path in root.rglob("Chart.yaml")}
    for chart in sorted(charts):
        if not any(chart.is_relative_to(other) and chart != other for other in charts):
            told.charts += 1
            _judge(told, f"{chart.relative_to(root)} (chart)", "-", _rendered(helm, chart))
    for path in sorted(root.rglob("*")):
        is_of_chart = any(path.is_relative_to(chart) for chart in charts)
        if path.suffix in SUFFIXES and path.is_file() and not is_of_chart and _may_be(path):
            told.files += 1
            _judge(told, str(path.relative_to(root)), str(path), b"")
    for path in sorted(root.rglob("*.md")):
        for match in _EXAMPLE.finditer(path.read_text(errors="replace")):
            text = textwrap.dedent(match["text"])
            if "apiVersion:" in text and "kind:" in text:
                told.examples += 1
                _judge(told, str(path.relative_to(root)), "-", text.encode())
    return told


def _says_nothing(message: str, urn: str | None = None) -> None:
    """Walking refuses nothing."""


def _judge(told: Tally, name: str, path: str, piped: bytes) -> None:
    try:
        told.add(read(documents([path], BytesIO(piped), Limits())))
    except ManifestError as error:
        told.unread.append(f"{name}: {error.why}")


def _may_be(path: Path) -> bool:
    """Files of settings, of CI and of test data are there as well."""
    text = path.read_bytes()
    return b"apiVersion:" in text and b"kind:" in text


def _rendered(helm: Path, chart: Path) -> bytes:
    """What is no YAML where the chart does not render without values of its own."""
    done = subprocess.run(
        [helm, "template", "corpus", chart, "--include-crds"], capture_output=True, check=False
    )
    return done.stdout if done.returncode == 0 else b"not rendered: ["


def built_helm(folder: Path) -> Path:
    """Three minutes on two cores the first time; Go keeps what it has built."""
    _go(folder, "install", HELM, GOBIN=str(folder))
    return folder / "helm"


def _go_module(source: Source, folder: Path) -> Path:
    wanted = f"{source.name}@{source.version}"
    told = json.loads(_go(folder, "mod", "download", "-json", wanted))
    _compare(source, told["Sum"])
    return Path(told["Dir"])


def _sdist(source: Source, folder: Path) -> Path:
    with PyPISimple() as registry:
        (package,) = (
            each
            for each in registry.get_project_page(source.name).packages
            if each.package_type == "sdist" and each.version == source.version
        )
        archive = folder / package.filename
        registry.download_package(package, archive)
    _compare(source, hashlib.sha256(archive.read_bytes()).hexdigest())
    with tarfile.open(archive) as members:
        members.extractall(folder / "unpacked", filter="data")
    return folder / "unpacked"


def _compare(source: Source, found: str) -> None:
    if found != source.hash:
        raise SystemExit(f"{source.name} {source.version}: {found} instead of {source.hash}")


def _go(folder: Path, *arguments: str, **variables: str) -> bytes:
    go = shutil.which("go") or "go"
    environment = {**os.environ, **variables}
    done = subprocess.run(
        [go, *arguments], cwd=folder, capture_output=True, env=environment, check=True
    )
    return done.stdout
