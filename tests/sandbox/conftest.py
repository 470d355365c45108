"""Fixtures: throw-away sandboxes in a temporary folder, and a client for their Kubernetes API."""

import json
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from sandbox.aws_server import additions
from sandbox.control_plane.pki import Pki
from sandbox.lifecycle import Sandbox, start, stop
from sandbox.paths import SandboxPaths
from sandbox.reporter import SilentReporter
from sandbox.toolchain.ensure import Tools, ensure_tools

REGION = "us-east-1"


@dataclass(frozen=True)
class Kube:
    """The Kubernetes API: as the admin with its certificate, with a bearer token, or as nobody."""

    sandbox: Sandbox
    token: str | None = None
    certificate: bool = True

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and decoded answer."""
        pki = Pki(self.sandbox.paths.pki)
        context = ssl.create_default_context(cafile=str(pki.ca.certificate))
        if self.certificate:
            context.load_cert_chain(pki.pair("admin").certificate, pki.pair("admin").key)
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(
            self.sandbox.endpoints.kube_server + path,
            method=method,
            headers=headers,
            data=None if body is None else json.dumps(body).encode(),
        )
        try:
            with urllib.request.urlopen(request, context=context, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"{}")

    def get(self, path: str) -> Any:
        status, answer = self.call("GET", path)
        assert status == 200, answer
        return answer

    def create(self, path: str, body: Any) -> Any:
        status, answer = self.call("POST", path, body)
        assert status == 201, answer
        return answer


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    """One server for a module: stopping one takes half a second."""
    additions.install()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def aws_client(sandbox: Sandbox, service: str, **changed: str) -> Any:
    settings = {
        "region_name": REGION,
        "endpoint_url": sandbox.endpoints.moto_url,
        "aws_access_key_id": sandbox.endpoints.access_key,
        "aws_secret_access_key": sandbox.endpoints.secret_key,
        **changed,
    }
    # The stubs know each service by its literal name.
    client: Any = boto3.client
    return client(service, **settings)


def create_cluster(sandbox: Sandbox, name: str) -> None:
    """An EKS cluster, with the role and subnet that it needs."""
    role = aws_client(sandbox, "iam").create_role(
        RoleName=f"{name}-role", AssumeRolePolicyDocument="{}"
    )
    ec2 = aws_client(sandbox, "ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    aws_client(sandbox, "eks").create_cluster(
        name=name, roleArn=role["Role"]["Arn"], resourcesVpcConfig={"subnetIds": [subnet]}
    )


def shim_token(sandbox: Sandbox, cluster: str, **changed: str) -> str:
    """A token from `.sandbox/bin/aws`, as a kubeconfig of EKS gets it."""
    answer = subprocess.run(
        [
            str(sandbox.paths.bin / "aws"),
            "eks",
            "get-token",
            "--cluster-name",
            cluster,
            "--region",
            REGION,
        ],
        env={**sandbox.environment(), **changed},
        capture_output=True,
        text=True,
        check=True,
    )
    return str(json.loads(answer.stdout)["status"]["token"])


def eventually(
    what: Callable[[], Any], wanted: Callable[[Any], bool] = bool, seconds: float = 30
) -> Any:
    """The first answer that is wanted; the last one in an assertion when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        answer = what()
        if wanted(answer):
            return answer
        assert time.monotonic() < deadline, answer
        time.sleep(0.2)


@pytest.fixture(scope="session")
def tools() -> Tools:
    """The built tools: minutes when they are not in the cache yet."""
    return ensure_tools(SilentReporter())


@pytest.fixture
def new_sandbox(tools: Tools, tmp_path: Path) -> Iterator[Callable[..., Sandbox]]:
    """Starts sandboxes in folders of their own, and removes them afterwards."""
    roots: list[Path] = []

    def make(name: str = "checkout") -> Sandbox:
        root = tmp_path / name
        root.mkdir(exist_ok=True)
        roots.append(root)
        return start(SilentReporter(), SandboxPaths(root))

    yield make
    for root in roots:
        stop(purge=True, reporter=SilentReporter(), paths=SandboxPaths(root))


@pytest.fixture(scope="module")
def sandbox(tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One running sandbox for the tests of a module that do not break it."""
    paths = SandboxPaths(tmp_path_factory.mktemp("sandbox"))
    try:
        yield start(SilentReporter(), paths)
    finally:
        stop(purge=True, reporter=SilentReporter(), paths=paths)


@pytest.fixture(scope="module")
def kube(sandbox: Sandbox) -> Kube:
    return Kube(sandbox)
