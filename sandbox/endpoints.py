"""The ports and addresses of one sandbox, chosen once and kept in `.sandbox/endpoints.json`.

A port is used again at the next start, because Pulumi's state holds the address of the cluster.
The file is what other parts read (the `aws` stand-in above all); its keys are the fields of
`Endpoints`.
"""

import itertools
import json
import secrets
import socket
import string
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from durable.files import write_private
from sandbox.paths import SandboxPaths

LOOPBACK = "127.0.0.1"
# Below where Linux (32768) and the others (49152) begin with ports for outgoing connections.
PORTS = range(20000, 32000)

PORT_FIELDS = (
    "etcd_port",
    "etcd_peer_port",
    "kube_port",
    "moto_port",
    "token_review_port",
    "service_proxy_port",
    "lws_webhook_port",
    "keda_metrics_service_port",
    "keda_adapter_port",
    "prometheus_port",
    "player_port",
)


@dataclass(frozen=True)
class Endpoints:
    """Where things listen (loopback only), and the sandbox's own AWS key.

    `ports_changed` names the ports that somebody else had taken at the last start, so that they
    differ from those of the start before.
    """

    etcd_port: int
    etcd_peer_port: int
    kube_port: int
    moto_port: int
    token_review_port: int
    service_proxy_port: int
    lws_webhook_port: int
    keda_metrics_service_port: int
    keda_adapter_port: int
    prometheus_port: int
    player_port: int
    access_key: str
    secret_key: str
    kube_ca_file: str
    kubeconfig: str
    ports_changed: tuple[str, ...] = ()

    @property
    def kube_server(self) -> str:
        return f"https://{LOOPBACK}:{self.kube_port}"

    @property
    def moto_url(self) -> str:
        return f"http://{LOOPBACK}:{self.moto_port}"

    @property
    def etcd_url(self) -> str:
        return f"https://{LOOPBACK}:{self.etcd_port}"

    @property
    def token_review_url(self) -> str:
        return f"https://{LOOPBACK}:{self.token_review_port}"

    @property
    def service_proxy_url(self) -> str:
        return f"https://{LOOPBACK}:{self.service_proxy_port}"

    @property
    def prometheus_url(self) -> str:
        return f"http://{LOOPBACK}:{self.prometheus_port}"

    @property
    def player_url(self) -> str:
        return f"http://{LOOPBACK}:{self.player_port}"

    @property
    def service_ports(self) -> dict[str, int]:
        """Where the operators behind a Service listen, by the Service's namespace and name."""
        return {
            "lws-system/lws-webhook-service": self.lws_webhook_port,
            "keda/keda-metrics-apiserver": self.keda_adapter_port,
        }

    def port(self, field: str) -> int:
        return int(getattr(self, field))

    def write(self, path: Path) -> None:
        derived = {"kube_server": self.kube_server, "moto_url": self.moto_url}
        write_private(path, json.dumps({**asdict(self), **derived}, indent=2) + "\n")


def read_endpoints(paths: SandboxPaths) -> Endpoints | None:
    """What an earlier start recorded; None where there is nothing, or nothing that can be read."""
    try:
        kept = json.loads(paths.endpoints.read_text())
        names = {field.name for field in fields(Endpoints)}
        known = {name: value for name, value in kept.items() if name in names}
        return Endpoints(**{**known, "ports_changed": tuple(known.get("ports_changed", ()))})
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def new_endpoints(paths: SandboxPaths) -> Endpoints:
    """Free ports and a new AWS key, not yet written."""
    alphabet = string.ascii_uppercase + "234567"
    ports: dict[str, Any] = dict(zip(PORT_FIELDS, free_ports(len(PORT_FIELDS)), strict=True))
    return Endpoints(
        **ports,
        access_key="AKIA" + "".join(secrets.choice(alphabet) for _ in range(16)),
        secret_key=secrets.token_urlsafe(30),
        kube_ca_file=str(paths.pki / "ca.crt"),
        kubeconfig=str(paths.admin_kubeconfig),
    )


def with_other_ports(endpoints: Endpoints, taken: tuple[str, ...]) -> Endpoints:
    """The same, but the ports called `taken` are new ones and named in `ports_changed`."""
    if not taken:
        return replace(endpoints, ports_changed=())
    found: dict[str, Any] = dict(zip(taken, free_ports(len(taken)), strict=True))
    return replace(endpoints, **found, ports_changed=taken)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at this moment, all different.

    Not those that the system gives to outgoing connections: while a server of ours is down, a
    client that tries to reach it would in the end be given its port, and then be connected to
    itself.
    """
    candidates = list(PORTS)
    secrets.SystemRandom().shuffle(candidates)
    found = list(itertools.islice(filter(port_is_free, candidates), count))
    if len(found) < count:
        raise OSError(f"no {count} free ports between {PORTS.start} and {PORTS.stop}")
    return found


def port_is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket() as listener:
        # Connections of a server that was killed linger; Go and werkzeug listen in spite of them.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
