"""Makes Services reachable for the API server, as kube-proxy does on a node.

Webhooks and aggregated APIs are called by the address of a Service, whose pods are KWOK's. The API
server sends these connections through this HTTP CONNECT proxy (its egress selector), which knows
where the operator behind the Service listens on this machine. Where it does not listen yet, the
connection waits: the Deployment's pods are ready at once here, and their process a little later.
"""

import asyncio
import contextlib
import ssl
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sandbox.control_plane.kube_api import KubeApi
from sandbox.control_plane.pki import Pki
from sandbox.endpoints import LOOPBACK, Endpoints, read_endpoints
from sandbox.paths import SandboxPaths

REQUEST_SECONDS = 5.0
OPERATOR_SECONDS = 25.0
POLL_SECONDS = 0.1
BUFFER_BYTES = 65536

Services = Callable[[], list[dict[str, Any]]]
"""All Services of the cluster, as its API has them now."""


class ServiceProxy:
    """Accepts CONNECT to `<address of a Service>:<port>`; any port leads to the operator."""

    def __init__(self, services: Services, ports: Mapping[str, int]) -> None:
        self._services = services
        self._ports = ports

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), REQUEST_SECONDS)
            method, target, *_ = head.decode("latin-1").split(" ")
            port = await asyncio.to_thread(self._port, target) if method == "CONNECT" else None
            if port is None:
                writer.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
                return
            operator_reader, operator_writer = await _connect(port)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(
                _pump(reader, operator_writer),
                _pump(operator_reader, writer),
            )
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
        finally:
            writer.close()

    def _port(self, target: str) -> int | None:
        address = target.rpartition(":")[0]
        for service in self._services():
            if service["spec"].get("clusterIP") == address:
                metadata = service["metadata"]
                return self._ports.get(f"{metadata['namespace']}/{metadata['name']}")
        return None


async def _connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(OPERATOR_SECONDS):
        while True:
            try:
                return await asyncio.open_connection(LOOPBACK, port)
            except ConnectionRefusedError:
                await asyncio.sleep(POLL_SECONDS)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # Whoever ends first ends the other's connection in the middle.
    with contextlib.suppress(OSError):
        while data := await reader.read(BUFFER_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()


async def serve(paths: SandboxPaths, endpoints: Endpoints) -> None:
    """Listen until the process is ended."""
    pki = Pki(paths.pki)
    pair = pki.pair("service-proxy-server")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki.ca.certificate))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(pair.certificate, pair.key)
    kube = KubeApi(paths.admin_kubeconfig)
    proxy = ServiceProxy(lambda: kube.items("/api/v1/services"), endpoints.service_ports)
    server = await asyncio.start_server(
        proxy.handle, LOOPBACK, endpoints.service_proxy_port, ssl=context
    )
    async with server:
        await server.serve_forever()


def main() -> None:
    """Argument: the checkout whose sandbox it belongs to."""
    paths = SandboxPaths(Path(sys.argv[1]))
    endpoints = read_endpoints(paths)
    if endpoints is None:
        raise SystemExit(f"{paths.endpoints} cannot be read")
    asyncio.run(serve(paths, endpoints))


if __name__ == "__main__":
    main()
