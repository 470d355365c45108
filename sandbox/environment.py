"""What the Pulumi CLI and its plugins need to find: files in `.sandbox`, and variables."""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version as installed_version
from pathlib import Path

from durable.files import write_private
from durable.places import PACKAGE_ROOT
from sandbox.endpoints import Endpoints
from sandbox.paths import SandboxPaths
from sandbox.toolchain.ensure import Tools

PASSPHRASE_FILE = PACKAGE_ROOT / "sandbox" / "passphrase"
EXECUTABLE = 0o700

LANGUAGE_HOST = "pulumi-language-python"

_LOOPBACK_HOSTS = ("127.0.0.1", "localhost")

# Whatever of these the user has set could lead a request to a real account.
REMOVED_PREFIXES = ("AWS_",)
REMOVED = (
    "PULUMI_ACCESS_TOKEN",
    "PULUMI_CONFIG_PASSPHRASE",
    "PULUMI_DEBUG_PROVIDERS",
    "PULUMI_DEBUG_LANGUAGES",
    "PULUMI_IGNORE_AMBIENT_PLUGINS",
    "PULUMI_API",
)


def install(paths: SandboxPaths, tools: Tools) -> None:
    """Write the scripts, plugin folders and AWS settings. Doing it again changes nothing."""
    _script(paths.bin / "aws", "sandbox.control_plane.aws_shim")
    if shutil.which(LANGUAGE_HOST, path=_path_without(paths.bin)) is None:
        _script(paths.bin / LANGUAGE_HOST, "sandbox.language_host.host")
        _same_file(paths.bin / "pulumi", tools.pulumi)
    else:
        (paths.bin / LANGUAGE_HOST).unlink(missing_ok=True)
        _link(paths.bin / "pulumi", tools.pulumi)

    aws = _plugin_folder(paths, "aws")
    _script(aws / "pulumi-resource-aws", "sandbox.aws_provider")
    kubernetes = _plugin_folder(paths, "kubernetes")
    _link(kubernetes / "pulumi-resource-kubernetes", tools.pulumi_resource_kubernetes)

    # Empty files of our own, so that no profile of the user's is read.
    write_private(paths.aws / "config", "")
    write_private(paths.aws / "credentials", "")


def sandbox_environment(
    paths: SandboxPaths,
    tools: Tools,
    endpoints: Endpoints,
    *,
    passphrase_file: Path = PASSPHRASE_FILE,
    base: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The environment of a `pulumi` that works on the sandbox, from `base` (default: ours)."""
    given = dict(os.environ if base is None else base)
    kept = {name: value for name, value in given.items() if not _is_removed(name)}
    settings = own_settings(paths, tools, endpoints, passphrase_file, kept)
    # A provider without a kubeconfig of its own must fail here, as it would in a release.
    own = {"KUBECONFIG": str(paths.config / "no-kubeconfig"), "TMPDIR": str(paths.temporary)}
    return {**kept, **settings, **own}


def as_exports(
    paths: SandboxPaths,
    tools: Tools,
    endpoints: Endpoints,
    *,
    passphrase_file: Path = PASSPHRASE_FILE,
    base: Mapping[str, str] | None = None,
) -> str:
    """The same as lines for a shell's `eval`: what is removed is unset, what is new is exported.

    Here KUBECONFIG is the administrator's, for `kubectl` by hand.
    """
    given = dict(os.environ if base is None else base)
    settings = own_settings(paths, tools, endpoints, passphrase_file, given)
    unset = [name for name in sorted(given) if _is_removed(name) and name not in settings]
    lines = [f"unset {shlex.quote(name)}" for name in unset]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in settings.items()]
    return "\n".join(lines) + "\n"


def own_settings(
    paths: SandboxPaths,
    tools: Tools,
    endpoints: Endpoints,
    passphrase_file: Path,
    given: Mapping[str, str],
) -> dict[str, str]:
    """The variables that are the sandbox's; those that are lists extend the `given` ones."""
    helm = paths.helm
    direct = _reached_directly(given)
    return {
        "PATH": _with_first(given.get("PATH", ""), (paths.bin, tools.pulumi.parent)),
        "MOE_SANDBOX_DIR": str(paths.state),
        "MOE_CHART_MIRROR": str(paths.charts),
        "KUBECONFIG": str(paths.admin_kubeconfig),
        "PULUMI_HOME": str(paths.pulumi_home),
        # Without `metadata=skip` the backend writes a file of attributes beside each checkpoint,
        # in place: a kill at that moment leaves it empty and the stack unreadable.
        "PULUMI_BACKEND_URL": f"file://{paths.backend}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase_file),
        # Else a stack file without a salt gets a new one in each copy of the program, and a plan
        # that one copy saved cannot be read in the next.
        "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_DISABLE_REGISTRY_RESOLVE": "true",
        "PULUMI_NEO": "false",
        "PULUMI_SUPPRESS_NEO_LINK": "true",
        "DO_NOT_TRACK": "1",
        "AWS_ENDPOINT_URL": endpoints.moto_url,
        "AWS_ACCESS_KEY_ID": endpoints.access_key,
        "AWS_SECRET_ACCESS_KEY": endpoints.secret_key,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(paths.aws / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(paths.aws / "credentials"),
        "HELM_CACHE_HOME": str(helm / "cache"),
        "HELM_CONFIG_HOME": str(helm / "config"),
        "HELM_DATA_HOME": str(helm / "data"),
        # The plugins are Python and Go programs that talk to loopback: never by a proxy.
        "NO_PROXY": direct,
        "no_proxy": direct,
    }


def _is_removed(name: str) -> bool:
    return name in REMOVED or name.startswith(REMOVED_PREFIXES)


def _with_first(path: str, folders: tuple[Path, ...]) -> str:
    """`path` with the folders in front, each once: an `eval` of an `eval` adds nothing."""
    first = [str(folder) for folder in dict.fromkeys(folders)]
    rest = [part for part in path.split(os.pathsep) if part not in first]
    return os.pathsep.join([*first, *rest])


def _reached_directly(given: Mapping[str, str]) -> str:
    """The caller's exceptions from the proxy, in both spellings, and loopback; each once."""
    spelled = ",".join(given.get(name, "") for name in ("NO_PROXY", "no_proxy"))
    hosts = [host.strip() for host in spelled.split(",") if host.strip()]
    # Python knows the star only where it stands alone.
    return "*" if "*" in hosts else ",".join(dict.fromkeys([*hosts, *_LOOPBACK_HOSTS]))


def _path_without(folder: Path) -> str:
    parts = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(part for part in parts if Path(part) != folder)


def _plugin_folder(paths: SandboxPaths, name: str) -> Path:
    """Where the engine looks for the provider of the installed SDK `pulumi-<name>`."""
    wanted = f"resource-{name}-v{installed_version(f'pulumi-{name}')}"
    plugins = paths.pulumi_home / "plugins"
    for other in _other_versions(plugins, name, wanted):
        shutil.rmtree(other, ignore_errors=True)
    folder = plugins / wanted
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _other_versions(plugins: Path, name: str, wanted: str) -> Iterator[Path]:
    yield from (p for p in plugins.glob(f"resource-{name}-v*") if p.name != wanted)


def _script(path: Path, module: str) -> None:
    """A shell script that runs a module of the sandbox with this interpreter.

    `exec` matters: the engine ends a plugin by its process id.
    """
    text = (
        "#!/bin/sh\n"
        f"PYTHONPATH={shlex.quote(str(PACKAGE_ROOT))}${{PYTHONPATH:+:$PYTHONPATH}}\n"
        "export PYTHONPATH\n"
        f'exec {shlex.quote(sys.executable)} -m {module} "$@"\n'
    )
    if not path.exists() or path.read_text() != text:
        write_private(path, text, EXECUTABLE)


def _same_file(path: Path, target: Path) -> None:
    """A hard link, else a copy: Pulumi wants its language host beside its real file."""
    is_file = path.exists() and not path.is_symlink()
    # A copy keeps the time of its original.
    if is_file and path.stat().st_mtime == target.stat().st_mtime:
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    try:
        draft.hardlink_to(target)
    except OSError:
        shutil.copy2(target, draft)
    draft.replace(path)


def _link(path: Path, target: Path) -> None:
    if path.is_symlink() and path.readlink() == target:
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    draft.replace(path)
