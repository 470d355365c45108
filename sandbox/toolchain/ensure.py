"""The executables that the sandbox runs: found on PATH in the pinned version, else built once.

A module's tools are built together, into a cache folder whose name is a digest of everything that
decides them. A second checkout with the same pins finds them there; a changed pin rebuilds only
its module. An interrupted build leaves nothing half-written, and a rerun goes on where Go's own
cache stands.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from durable.files import OWNER_ONLY_FOLDER
from durable.locks import held_lock
from durable.places import cache_root
from sandbox.reporter import Reporter
from sandbox.toolchain.go_build import command_run, find_go, go_build, go_output
from sandbox.toolchain.keda_sources import KEDA, cut_sources
from sandbox.toolchain.pins import (
    GoModule,
    Tool,
    actionlint_module,
    go_modules,
    keda_module,
    kubernetes_provider_version,
    path_versions,
    prometheus_module,
)

_MONITORING_API = "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring"
_KUBERNETES_PROVIDER = "github.com/pulumi/pulumi-kubernetes/provider/v4"
_KWOK = "sigs.k8s.io/kwok"
_LWS = "sigs.k8s.io/lws"

# How a pod ends is ours (`sandbox/tools/kwok/pod-delete.yaml`).
_KWOK_STAGES = (
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-ready.yaml",
)

_KEDA_MANIFESTS = (
    "manager/service.yaml",
    "metrics-server/api_service.yaml",
    "metrics-server/role.yaml",
    "metrics-server/role_binding.yaml",
    "metrics-server/service.yaml",
    "rbac/role.yaml",
    "rbac/role_binding.yaml",
    "service_account/service_account.yaml",
)


@dataclass(frozen=True)
class KedaTools:
    """KEDA with the Prometheus scaler alone, and its CRDs and manifests by folder."""

    operator: Path
    adapter: Path
    crds_folder: Path
    manifests_folder: Path


@dataclass(frozen=True)
class PrometheusTools:
    """Prometheus, and promtool of the same version."""

    prometheus: Path
    promtool: Path


@dataclass(frozen=True)
class Tools:
    """Absolute paths of everything that is built. `*_folder` are folders of YAML files."""

    pulumi: Path
    pulumi_resource_kubernetes: Path
    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path
    kube_scheduler: Path
    controller_gen: Path
    kwok: Path
    lws_controller_manager: Path
    monitoring_crds_folder: Path
    kwok_stages_folder: Path
    lws_chart_folder: Path
    keda: KedaTools | None = None
    prometheus: PrometheusTools | None = None


def missing_tools() -> tuple[str, ...]:
    """What `ensure_tools` would have to build now, by name, in that order."""
    missing: list[str] = []
    for module in go_modules():
        missing += [tool.name for tool in module.tools if _find(module, tool) is None]
        missing += [
            name for name in _EXTRAS.get(module.name, {}) if not _extra(module, name).exists()
        ]
    return tuple(missing)


def ensure_tools(reporter: Reporter, *, keda: bool = False, prometheus: bool = False) -> Tools:
    """Every tool, built where it is missing; KEDA and Prometheus only on demand.

    Raises GoMissingError, BuildError (both of `go_build`) and UnknownPlatformError.
    """
    found: dict[str, Path] = {}
    for module in go_modules():
        found |= _ensure_module(module, reporter)
    return Tools(
        **{name.replace("-", "_"): path for name, path in found.items()},
        monitoring_crds_folder=_extra(_module("engine"), "crds"),
        kwok_stages_folder=_extra(_module("kwok"), "stages"),
        lws_chart_folder=_extra(_module("kwok"), "lws-chart"),
        keda=_ensure_keda(reporter) if keda else None,
        prometheus=ensure_prometheus(reporter) if prometheus else None,
    )


def _ensure_keda(reporter: Reporter) -> KedaTools:
    module = keda_module()
    found = _ensure_module(module, reporter)
    return KedaTools(
        found["keda-operator"],
        found["keda-adapter"],
        crds_folder=_extra(module, "crds"),
        manifests_folder=_extra(module, "manifests"),
    )


def ensure_actionlint(reporter: Reporter) -> Path:
    """Built where it is missing (half a minute); raises what `ensure_tools` raises."""
    return _ensure_module(actionlint_module(), reporter)["actionlint"]


def ensure_prometheus(reporter: Reporter) -> PrometheusTools:
    """Both, built where they are missing; raises what `ensure_tools` raises."""
    found = _ensure_module(prometheus_module(), reporter)
    return PrometheusTools(found["prometheus"], found["promtool"])


def built_promtool() -> Path | None:
    """The pinned one where it is built or on PATH already."""
    module = prometheus_module()
    return next((_find(module, tool) for tool in module.tools if tool.name == "promtool"), None)


def module_folder(module: GoModule) -> Path:
    return cache_root() / "tools" / module.key


def _module(name: str) -> GoModule:
    return next(module for module in go_modules() if module.name == name)


def _extra(module: GoModule, name: str) -> Path:
    return module_folder(module) / name


def _find(module: GoModule, tool: Tool) -> Path | None:
    built = module_folder(module) / "bin" / tool.name
    if built.exists():
        return built
    return _on_path(tool)


def _on_path(tool: Tool) -> Path | None:
    """The tool on PATH, where it tells exactly the pinned version."""
    if not tool.version_arguments or (candidate := shutil.which(tool.name)) is None:
        return None
    try:
        answer = subprocess.run(
            [candidate, *tool.version_arguments],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    told = re.search(r"\bv?(\d+\.\d+\.\d+\S*)", answer.stdout)
    if told is None or told.group(1) != path_versions()[tool.name]:
        return None
    return Path(candidate)


def _ensure_module(module: GoModule, reporter: Reporter) -> dict[str, Path]:
    found = {tool.name: _find(module, tool) for tool in module.tools}
    extras = _EXTRAS.get(module.name, {})
    complete = {name: path for name, path in found.items() if path is not None}
    if len(complete) == len(found) and all(_extra(module, name).exists() for name in extras):
        return complete

    folder = module_folder(module)

    def tell_holder(holder: str) -> None:
        reporter.step(f"waiting: {holder} builds the same tools ({module.name})")

    with held_lock(
        folder.with_name(f"{folder.name}.lock"), f"builds {module.name}", on_wait=tell_holder
    ):
        # Whoever held the lock may have built them meanwhile.
        missing = [tool for tool in module.tools if _find(module, tool) is None]
        wanted = [name for name in extras if not _extra(module, name).exists()]
        if missing or wanted:
            names = [tool.name for tool in missing] + wanted
            go = find_go(names, _go_version(module))
            folder.mkdir(mode=OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
            if missing:
                _build(module, missing, go, reporter)
            for name in wanted:
                reporter.step(f"make {name} from the module {module.name}")
                with _Staging(module) as staging:
                    extras[name](module, go, staging)
                    staging.replace(_extra(module, name))
                reporter.done(f"{name} made")
    return {tool.name: path for tool in module.tools if (path := _find(module, tool)) is not None}


def _go_version(module: GoModule) -> str:
    found = re.search(r"^go (\S+)", (module.folder / "go.mod").read_text(), re.MULTILINE)
    return found.group(1) if found else "1"


class _Staging:
    """A folder beside the finished ones, on the same file system, removed unless renamed away."""

    def __init__(self, module: GoModule) -> None:
        self._folder = module_folder(module) / f".staging-{os.getpid()}"

    def __enter__(self) -> Path:
        # The lock is held: what other processes left there is from a killed one.
        for left in self._folder.parent.glob(".staging-*"):
            shutil.rmtree(left, ignore_errors=True)
        self._folder.mkdir(mode=OWNER_ONLY_FOLDER)
        return self._folder

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def _build(module: GoModule, tools: Iterable[Tool], go: str, reporter: Reporter) -> None:
    tools = tuple(tools)
    label = ", ".join(tool.name for tool in tools)
    reporter.step(f"build {label} (Go; minutes the first time, kept in {module_folder(module)})")
    with _Staging(module) as staging:
        source = module.folder
        if prepare := _SOURCES.get(module.name):
            source = prepare(module, go, staging / "source")
        output = staging / "bin"
        output.mkdir()
        go_build(
            go,
            source,
            [tool.package for tool in tools],
            module.build_flags,
            output,
            lambda done, total: reporter.progress(f"{module.name}: packages built", done, total),
            lambda count: reporter.progress(f"{module.name}: modules downloaded", count, 0),
        )
        target = module_folder(module) / "bin"
        target.mkdir(mode=OWNER_ONLY_FOLDER, exist_ok=True)
        for tool in tools:
            built = output / _file_name(module, tool)
            built.chmod(OWNER_ONLY_FOLDER)
            built.replace(target / tool.name)
    reporter.done(f"{label} built")


def _file_name(module: GoModule, tool: Tool) -> str:
    """What `go build` calls the file: the last part of the package path that is no version."""
    if tool.package == ".":
        first = (module.folder / "go.mod").read_text().split("\n", 1)[0]
        return first.removeprefix("module ").strip().rsplit("/", 1)[-1]
    parts = [part for part in tool.package.split("/") if not re.fullmatch(r"v\d+", part)]
    return parts[-1]


def _provider_sources(module: GoModule, go: str, folder: Path) -> Path:
    """The provider's module with the two files that its main.go embeds and its own module lacks.

    They are generated by the release build. Both lie in the module of the provider beside its own
    main package; the schema there lacks the version.
    """
    folder.mkdir()
    for source in module.sources:
        shutil.copy(source, folder / source.name)
    there = _module_source(go, module, _KUBERNETES_PROVIDER) / "cmd/pulumi-resource-kubernetes"
    schema = json.loads((there / "schema.json").read_text())
    schema["version"] = kubernetes_provider_version()
    (folder / "schema.json").write_text(json.dumps(schema))
    shutil.copy(there / "terraform-mapping.json", folder / "terraform-mapping.json")
    return folder


def _keda_sources(module: GoModule, go: str, folder: Path) -> Path:
    """The module with KEDA's own, cut, in place of the published one."""
    folder.mkdir()
    for name in ("go.mod", "go.sum"):
        shutil.copy(module.folder / name, folder / name)
    cut_sources(module.folder / "cut.json", _module_source(go, module, KEDA), folder / "keda")
    with (folder / "go.mod").open("a") as file:
        file.write(f"\nreplace {KEDA} => ./keda\n")
    return folder


def _module_source(go: str, module: GoModule, path: str) -> Path:
    go_output(go, ["mod", "download", path], module.folder)
    return Path(go_output(go, ["list", "-m", "-f", "{{.Dir}}", path], module.folder).strip())


def _make_crds(module: GoModule, go: str, target: Path) -> None:
    """The CustomResourceDefinitions of prometheus-operator, written from its Go types."""
    generator = module_folder(module) / "bin" / "controller-gen"
    api = f"{_MONITORING_API}/v1"
    command_run([str(generator), "crd", f"paths={api}", f"output:crd:dir={target}"], module.folder)


def _copy_stages(module: GoModule, go: str, target: Path) -> None:
    """KWOK's description of how nodes and pods live, but for how a pod ends."""
    for own in module.folder.glob("*.yaml"):
        shutil.copy(own, target / own.name)
    stages = _module_source(go, module, _KWOK) / "kustomize" / "stage"
    for name in _KWOK_STAGES:
        # Module files are read-only; a copy must not be, or a purge could not remove it.
        shutil.copyfile(stages / name, target / Path(name).name)


def _copy_lws_chart(module: GoModule, go: str, target: Path) -> None:
    """The chart that LeaderWorkerSet's module has, with the image that its release names."""
    chart = _module_source(go, module, _LWS) / "charts" / "lws"
    for file in chart.rglob("*"):
        copy = target / file.relative_to(chart)
        if file.is_dir():
            copy.mkdir(parents=True, exist_ok=True)
        else:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
    values = target / "values.yaml"
    text = values.read_text()
    for released in (("tag: main", f"tag: {module.pinned(_LWS)}"), ("Always", "IfNotPresent")):
        text = text.replace(*released, 1)
    values.write_text(text)


def _copy_keda_crds(module: GoModule, go: str, target: Path) -> None:
    for file in (_module_source(go, module, KEDA) / "config" / "crd" / "bases").glob("*.yaml"):
        shutil.copyfile(file, target / file.name)


def _copy_keda_manifests(module: GoModule, go: str, target: Path) -> None:
    """Accounts, rights and Services as KEDA's module has them."""
    config = _module_source(go, module, KEDA) / "config"
    for name in _KEDA_MANIFESTS:
        shutil.copyfile(config / name, target / name.replace("/", "-"))


_SOURCES: dict[str, Callable[[GoModule, str, Path], Path]] = {
    "keda": _keda_sources,
    "kubernetes-provider": _provider_sources,
}

_EXTRAS: dict[str, dict[str, Callable[[GoModule, str, Path], None]]] = {
    "engine": {"crds": _make_crds},
    "keda": {"crds": _copy_keda_crds, "manifests": _copy_keda_manifests},
    "kwok": {"lws-chart": _copy_lws_chart, "stages": _copy_stages},
}
