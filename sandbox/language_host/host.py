"""`pulumi-language-python`: the program that the Pulumi engine asks to run Python.

The official one comes with Pulumi's release archives only and is no Go module, so the sandbox has
its own, over the SDK's own protocol definition; it is used only where the official one is not on
PATH. Protocol: `pulumi/language.proto` in the SDK; how the official host answers:
`sdk/python/cmd/pulumi-language-python/main.go`.

`python -m sandbox.language_host.host [flags] ENGINE_ADDRESS` prints its port and serves until the
engine ends it.
"""

import contextlib
import importlib.metadata
import json
import os
import platform
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent import futures
from pathlib import Path
from typing import IO, Any

import grpc
import psutil
from google.protobuf import empty_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from sandbox.language_host.program import SHOWN

EXEC = Path(__file__).with_name("program.py")
MESSAGE_LIMIT_BYTES = 400 * 2**20
GRACE_SECONDS = 3.0
PARENT_POLL_SECONDS = 1.0


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """Runs programs and policy packs as children and ends them with itself."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._children: set[int] = set()
        self._ending = threading.Event()

    def Handshake(self, request: Any, context: Any) -> Any:
        self._engine = request.engine_address or self._engine
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi"))

    def GetRequiredPlugins(self, request: Any, context: Any) -> Any:
        plugins = [
            plugin_pb2.PluginDependency(name=p["name"], kind="resource", version=p["version"])
            for p in _installed_packages()
        ]
        return language_pb2.GetRequiredPluginsResponse(plugins=plugins)

    def GetRequiredPackages(self, request: Any, context: Any) -> Any:
        packages = [
            plugin_pb2.PackageDependency(name=p["name"], kind="resource", version=p["version"])
            for p in _installed_packages()
        ]
        return language_pb2.GetRequiredPackagesResponse(packages=packages)

    def RuntimeOptionsPrompts(self, request: Any, context: Any) -> Any:
        return language_pb2.RuntimeOptionsResponse()

    def InstallDependencies(self, request: Any, context: Any) -> Iterator[Any]:
        said = f"dependencies are those of {_interpreter(request.info)}; uv.lock pins them\n"
        yield language_pb2.InstallDependenciesResponse(stdout=said.encode())

    def About(self, request: Any, context: Any) -> Any:
        return language_pb2.AboutResponse(
            executable=_interpreter(request.info), version=platform.python_version()
        )

    def GetProgramDependencies(self, request: Any, context: Any) -> Any:
        found = {d.metadata["Name"]: d.version for d in importlib.metadata.distributions()}
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[
                language_pb2.DependencyInfo(name=name, version=version)
                for name, version in sorted(found.items())
            ]
        )

    def Run(self, request: Any, context: Any) -> Any:
        program = str(Path(request.info.program_directory, request.info.entry_point))
        command = [
            _interpreter(request.info),
            "-u",
            str(EXEC),
            f"--project={request.project}",
            f"--stack={request.stack}",
            f"--organization={request.organization}",
            f"--root-directory={request.info.root_directory}",
            f"--parallel={request.parallel}",
            f"--monitor={request.monitor_address}",
            f"--engine={self._engine}",
            *(["--dry-run"] if request.dryRun else []),
            "--",
            program,
            *request.args,
        ]
        environment = {
            **os.environ,
            "PULUMI_PROJECT": request.project,
            "PULUMI_STACK": request.stack,
            "PULUMI_ORGANIZATION": request.organization,
            "PULUMI_DRY_RUN": str(request.dryRun).lower(),
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        # Output goes where ours goes: the engine shows both as the program's.
        child = self._start(command, request.pwd or request.info.program_directory, environment)
        if child is None:
            return language_pb2.RunResponse(bail=True)
        context.add_callback(lambda: self._end(child.pid))
        code = child.wait()
        self._children.discard(child.pid)
        if code == 0:
            return language_pb2.RunResponse()
        if code == SHOWN or self._ending.is_set():
            return language_pb2.RunResponse(bail=True)
        if code < 0:
            name = signal.Signals(-code).name
            return language_pb2.RunResponse(error=f"Program ended by signal {name}")
        return language_pb2.RunResponse(error=f"Program exited with non-zero exit code: {code}")

    def RunPlugin(self, request: Any, context: Any) -> Iterator[Any]:
        """A policy pack (`kind` analyzer), or a provider that is written in Python."""
        command = [_interpreter(request.info), "-u"]
        if request.kind == "analyzer":
            command += ["-m", "pulumi.policy", *request.args, request.info.program_directory]
        else:
            command += [request.info.program_directory, *request.args]
        environment = {**os.environ, **dict(item.split("=", 1) for item in request.env)}
        child = self._start(command, request.pwd, environment, pipes=True)
        if child is None:
            yield language_pb2.RunPluginResponse(exitcode=SHOWN)
            return
        context.add_callback(lambda: self._end(child.pid))
        lines: queue.SimpleQueue[tuple[str, bytes] | None] = queue.SimpleQueue()
        streams = (("stdout", child.stdout), ("stderr", child.stderr))
        for name, stream in streams:
            threading.Thread(target=_pump, args=(name, stream, lines), daemon=True).start()
        open_streams = len(streams)
        while open_streams:
            if (line := lines.get()) is None:
                open_streams -= 1
            elif line[0] == "stdout":
                yield language_pb2.RunPluginResponse(stdout=line[1])
            else:
                yield language_pb2.RunPluginResponse(stderr=line[1])
        code = child.wait()
        self._children.discard(child.pid)
        yield language_pb2.RunPluginResponse(exitcode=code)

    def Cancel(self, request: Any, context: Any) -> Any:
        self.end_all()
        return empty_pb2.Empty()

    def end_all(self) -> None:
        """End every child with its children; no new one starts after this."""
        self._ending.set()
        for pid in list(self._children):
            self._end(pid)

    def _start(
        self,
        command: Sequence[str],
        folder: str,
        environment: Mapping[str, str],
        *,
        pipes: bool = False,
    ) -> "subprocess.Popen[bytes] | None":
        if self._ending.is_set():
            return None
        output = subprocess.PIPE if pipes else None
        child = subprocess.Popen(
            command,
            cwd=folder or None,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        self._children.add(child.pid)
        return child

    def _end(self, pid: int) -> None:
        if pid not in self._children:
            return
        try:
            leader = psutil.Process(pid)
            family = [*leader.children(recursive=True), leader]
        except psutil.Error:
            return
        for process in family:
            _quietly(process.terminate)
        _, alive = psutil.wait_procs(family, timeout=GRACE_SECONDS)
        for process in alive:
            _quietly(process.kill)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the engine at the last argument (flags before it are the engine's for logging)."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    addresses = [argument for argument in given if not argument.startswith("-")]
    limits = [
        ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
        ("grpc.max_send_message_length", MESSAGE_LIMIT_BYTES),
    ]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=32), options=limits)
    host = LanguageHost(addresses[-1] if addresses else "")
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()

    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    parent = os.getppid()
    # An engine that was killed can no longer end us.
    while not done.wait(PARENT_POLL_SECONDS) and os.getppid() == parent:
        continue
    host.end_all()
    server.stop(grace=0.2)
    return 0


def _interpreter(info: Any) -> str:
    """The Python of the program: its `virtualenv` option where that exists, else our own."""
    options = info.options.fields
    if "virtualenv" in options:
        chosen = Path(info.root_directory, options["virtualenv"].string_value, "bin", "python")
        if chosen.exists():
            return str(chosen)
    return sys.executable


def _installed_packages() -> list[dict[str, str]]:
    """Provider SDKs that are installed; each has a `pulumi-plugin.json` that names its plugin."""
    found = []
    for distribution in importlib.metadata.distributions():
        if not distribution.metadata["Name"].lower().replace("_", "-").startswith("pulumi-"):
            continue
        for file in distribution.files or ():
            if file.name == "pulumi-plugin.json" and len(file.parts) == 2:
                plugin = json.loads(file.read_text())
                if plugin.get("resource"):
                    version = plugin.get("version") or distribution.version
                    found.append({"name": plugin["name"], "version": version})
    return found


def _pump(
    name: str, stream: IO[bytes] | None, lines: "queue.SimpleQueue[tuple[str, bytes] | None]"
) -> None:
    if stream is not None:
        for line in stream:
            lines.put((name, line))
        stream.close()
    lines.put(None)


def _quietly(end: Callable[[], None]) -> None:
    with contextlib.suppress(psutil.Error):
        end()


if __name__ == "__main__":
    sys.exit(main())
