"""Which tools the sandbox builds, from which Go modules, with which flags.

Versions are pinned by the `go.mod` and `go.sum` beside each module in `sandbox/tools/`; nothing
here repeats them. The version of the Kubernetes provider is that of the installed Python SDK, so
that the schema the program was written against is the one that runs.
"""

import hashlib
import platform
import re
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path

MODULES = Path(__file__).resolve().parent.parent / "tools"

# The compiler allocates so much that on two cores a quarter of a cold build is its collector.
BUILD_ENVIRONMENT = {"CGO_ENABLED": "0", "GOGC": "400", "GOWORK": "off", "GOFLAGS": "-mod=readonly"}

# No debug information: it is never looked at, and writing and linking it takes time and memory.
COMPILE_FLAGS = ("-trimpath", "-gcflags=all=-dwarf=false")
LINK_FLAGS = ("-s", "-w")

_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}

_PULUMI = "github.com/pulumi/pulumi"
_KUBERNETES = "k8s.io/kubernetes"
_KUBERNETES_PROVIDER = "github.com/pulumi/pulumi-kubernetes/provider/v4"
_KEDA = "github.com/kedacore/keda/v2"
_LWS = "sigs.k8s.io/lws"


class UnknownPlatformError(Exception):
    """The machine is one for which nobody has tried to build the tools."""


@dataclass(frozen=True)
class Tool:
    """One executable: its name here, the main package, and how it tells its version.

    `version_arguments` is empty where the tool is never looked for on PATH.
    """

    name: str
    package: str
    version_arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class GoModule:
    """A folder in `sandbox/tools/`: tools that are built together with one `go build`.

    `link_values` are Go string variables that a release build sets, by their full name;
    `build_tags` leave out what is not needed.
    """

    name: str
    tools: tuple[Tool, ...]
    link_values: tuple[tuple[str, str], ...] = ()
    build_tags: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        return MODULES / self.name

    @property
    def sources(self) -> tuple[Path, ...]:
        """The files that decide what is built, in a fixed order."""
        return (
            self.folder / "go.mod",
            self.folder / "go.sum",
            *sorted(self.folder.glob("*.go")),
            *sorted(self.folder.glob("*.json")),
            *sorted(self.folder.glob("*.yaml")),
        )

    @property
    def build_flags(self) -> tuple[str, ...]:
        values = " ".join(
            (*LINK_FLAGS, *(f"-X {name}={value}" for name, value in self.link_values))
        )
        tags = (f"-tags={','.join(self.build_tags)}",) if self.build_tags else ()
        return (*COMPILE_FLAGS, *tags, f"-ldflags={values}")

    @property
    def key(self) -> str:
        """The name of the module's cache folder; anything that changes the result changes it."""
        digest = hashlib.sha256()
        for source in self.sources:
            digest.update(f"{source.name}\0{source.stat().st_size}\0".encode())
            digest.update(source.read_bytes())
        settings = (*self.build_flags, *sorted(BUILD_ENVIRONMENT.items()), go_platform())
        digest.update(repr(settings).encode())
        digest.update(repr([(tool.name, tool.package) for tool in self.tools]).encode())
        return f"{self.name}-{digest.hexdigest()[:16]}"

    def pinned(self, module: str) -> str:
        """The version of `module` in this go.mod, such as `v1.35.4`."""
        return pinned_version(self.name, module)


def pinned_version(folder: str, module: str) -> str:
    """The version that `sandbox/tools/<folder>/go.mod` requires of `module`; KeyError if none."""
    text = (MODULES / folder / "go.mod").read_text()
    found = re.search(rf"^(?:require\s+|\s+){re.escape(module)}\s+(v\S+)", text, re.MULTILINE)
    if found is None:
        raise KeyError(f"{folder}/go.mod requires no {module}")
    return found.group(1)


def go_platform() -> str:
    """GOOS/GOARCH of this machine, known also where Go itself is missing."""
    machine = platform.machine().lower()
    if machine not in _ARCHITECTURES:
        known = ", ".join(sorted(set(_ARCHITECTURES)))
        raise UnknownPlatformError(f"no tools are built for processor {machine!r}; known: {known}")
    return f"{platform.system().lower()}/{_ARCHITECTURES[machine]}"


def kubernetes_provider_version() -> str:
    return installed_version("pulumi-kubernetes")


def go_modules() -> tuple[GoModule, ...]:
    """All modules, longest build first: what is left over then is short."""
    kubernetes = pinned_version("engine", _KUBERNETES)
    major, minor, _ = kubernetes.removeprefix("v").split(".", 2)
    base = "k8s.io/component-base/version"
    return (
        GoModule(
            "engine",
            (
                Tool("pulumi", f"{_PULUMI}/pkg/v3/cmd/pulumi", ("version",)),
                Tool("kube-apiserver", f"{_KUBERNETES}/cmd/kube-apiserver", ("--version",)),
                Tool(
                    "kube-controller-manager",
                    f"{_KUBERNETES}/cmd/kube-controller-manager",
                    ("--version",),
                ),
                Tool("kube-scheduler", f"{_KUBERNETES}/cmd/kube-scheduler", ("--version",)),
                Tool("etcd", "go.etcd.io/etcd/server/v3", ("--version",)),
                Tool("controller-gen", "sigs.k8s.io/controller-tools/cmd/controller-gen"),
            ),
            (
                (
                    f"{_PULUMI}/sdk/v3/go/common/version.Version",
                    pinned_version("engine", f"{_PULUMI}/pkg/v3"),
                ),
                (f"{base}.gitVersion", kubernetes),
                (f"{base}.gitMajor", major),
                (f"{base}.gitMinor", minor),
            ),
        ),
        GoModule(
            "kubernetes-provider",
            (Tool("pulumi-resource-kubernetes", "."),),
            ((f"{_KUBERNETES_PROVIDER}/pkg/version.Version", kubernetes_provider_version()),),
        ),
        # Together, since they are made of the same Kubernetes packages.
        GoModule(
            "kwok",
            (
                Tool("kwok", "sigs.k8s.io/kwok/cmd/kwok", ("--version",)),
                Tool("lws-controller-manager", f"{_LWS}/cmd"),
            ),
            ((f"{_LWS}/pkg/version.GitVersion", pinned_version("kwok", _LWS)),),
        ),
    )


def keda_module() -> GoModule:
    """KEDA, which only a stack with autoscaling needs: minutes that the others are spared."""
    return GoModule(
        "keda",
        (
            Tool("keda-operator", f"{_KEDA}/cmd/operator"),
            Tool("keda-adapter", f"{_KEDA}/cmd/adapter"),
        ),
        ((f"{_KEDA}/version.Version", pinned_version("keda", _KEDA).removeprefix("v")),),
    )


def prometheus_module() -> GoModule:
    """Prometheus and promtool, which tests and `up --prometheus` need.

    Without its web page, which takes npm, and of service discovery with files and HTTP alone: the
    clients of the clouds are a third of its packages.
    """
    prometheus = "github.com/prometheus/prometheus"
    return GoModule(
        "prometheus",
        (
            Tool("prometheus", f"{prometheus}/cmd/prometheus"),
            Tool("promtool", f"{prometheus}/cmd/promtool"),
        ),
        build_tags=("remove_all_sd",),
    )


def actionlint_module() -> GoModule:
    """actionlint, with which a test reads the workflows."""
    return GoModule(
        "actionlint", (Tool("actionlint", "github.com/rhysd/actionlint/cmd/actionlint"),)
    )


def path_versions() -> dict[str, str]:
    """The version, without `v`, that a tool on PATH must tell to be used instead of a build."""
    kubernetes = pinned_version("engine", _KUBERNETES)
    versions = {
        "pulumi": pinned_version("engine", f"{_PULUMI}/pkg/v3"),
        "etcd": pinned_version("engine", "go.etcd.io/etcd/server/v3"),
        "kwok": pinned_version("kwok", "sigs.k8s.io/kwok"),
        "kube-apiserver": kubernetes,
        "kube-controller-manager": kubernetes,
        "kube-scheduler": kubernetes,
    }
    return {name: version.removeprefix("v") for name, version in versions.items()}
