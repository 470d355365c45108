"""The way from the API server to an operator behind a Service."""

import asyncio
import ssl
import urllib.error
import urllib.request
from typing import Any

import pytest

from sandbox.control_plane.pki import Pki
from sandbox.control_plane.service_proxy import ServiceProxy
from sandbox.endpoints import LOOPBACK, free_ports
from sandbox.lifecycle import Sandbox

SERVICE: dict[str, Any] = {
    "metadata": {"namespace": "lws-system", "name": "webhook"},
    "spec": {"clusterIP": "10.100.7.7"},
}


async def answer_to(request: bytes, *, operator_port: int, operator_after_s: float) -> bytes:
    """All that a client gets who sends `request`, until the other side closes."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"operator: " + await reader.readexactly(5))
        writer.close()

    async def operator() -> None:
        await asyncio.sleep(operator_after_s)
        async with await asyncio.start_server(echo, LOOPBACK, operator_port) as server:
            await server.serve_forever()

    proxy = ServiceProxy(lambda: [SERVICE], {"lws-system/webhook": operator_port})
    (port,) = free_ports(1)
    started = asyncio.create_task(operator())
    async with await asyncio.start_server(proxy.handle, LOOPBACK, port):
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(request)
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
    started.cancel()
    return answer


@pytest.mark.parametrize("operator_after_s", [0.0, 0.5])
def test_a_service_leads_to_its_operator_also_to_one_that_starts(operator_after_s: float) -> None:
    (port,) = free_ports(1)
    request = b"CONNECT 10.100.7.7:443 HTTP/1.1\r\nHost: 10.100.7.7:443\r\n\r\nhello"
    answer = asyncio.run(answer_to(request, operator_port=port, operator_after_s=operator_after_s))
    assert answer == b"HTTP/1.1 200 Connection established\r\n\r\noperator: hello"


@pytest.mark.parametrize(
    "line", [b"CONNECT 10.100.7.8:443 HTTP/1.1", b"GET http://10.100.7.7/ HTTP/1.1"]
)
def test_nothing_else_is_reached(line: bytes) -> None:
    (port,) = free_ports(1)
    answer = asyncio.run(answer_to(line + b"\r\n\r\n", operator_port=port, operator_after_s=0))
    assert answer == b"HTTP/1.1 502 Bad Gateway\r\n\r\n"


def test_a_client_without_a_certificate_is_refused(sandbox: Sandbox) -> None:
    context = ssl.create_default_context(cafile=str(Pki(sandbox.paths.pki).ca.certificate))
    with pytest.raises((urllib.error.URLError, OSError)):
        urllib.request.urlopen(sandbox.endpoints.service_proxy_url, context=context, timeout=5)
