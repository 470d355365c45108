"""Where the sandbox keeps things: a folder in the checkout."""

from dataclasses import dataclass
from pathlib import Path

from durable.files import OWNER_ONLY_FOLDER
from durable.places import PACKAGE_ROOT, cache_root, checkout_key


@dataclass(frozen=True)
class SandboxPaths:
    """The layout of one sandbox. `root` is the checkout; everything lies in `root/.sandbox`.

    But `shared_backend`, where given, is the one that several sandboxes have in common.
    """

    root: Path
    shared_backend: Path | None = None

    @property
    def state(self) -> Path:
        return self.root / ".sandbox"

    @property
    def bin(self) -> Path:
        return self.state / "bin"

    @property
    def pki(self) -> Path:
        return self.state / "pki"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def processes(self) -> Path:
        return self.state / "processes"

    @property
    def config(self) -> Path:
        return self.state / "config"

    @property
    def etcd(self) -> Path:
        return self.state / "etcd"

    @property
    def aws(self) -> Path:
        return self.state / "aws"

    @property
    def journal(self) -> Path:
        return self.aws / "journal.jsonl"

    @property
    def kept(self) -> Path:
        """What the `aws` stand-in keeps itself because moto lacks the call; written by it."""
        return self.aws / "kept.json"

    @property
    def pulumi_home(self) -> Path:
        return self.state / "pulumi-home"

    @property
    def backend(self) -> Path:
        return self.shared_backend or self.state / "backend"

    @property
    def charts(self) -> Path:
        return self.state / "charts"

    @property
    def prometheus(self) -> Path:
        """Prometheus' configuration, the rules that it loads, and its data."""
        return self.state / "prometheus"

    @property
    def helm(self) -> Path:
        return self.state / "helm"

    @property
    def temporary(self) -> Path:
        """Instead of /tmp: pulumi-kubernetes leaves a kubeconfig there at every operation."""
        return self.state / "tmp"

    @property
    def endpoints(self) -> Path:
        return self.state / "endpoints.json"

    @property
    def admin_kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    @property
    def unfinished(self) -> Path:
        """Is there from the beginning of an `up` until one got through."""
        return self.state / "unfinished"

    @property
    def lock(self) -> Path:
        """Outside the state folder: a purge removes that folder while it holds the lock."""
        return cache_root() / "locks" / f"sandbox-{checkout_key(self.root)}.lock"

    def create(self) -> None:
        """Make every folder, for the owner only."""
        folders = (
            self.state,
            self.bin,
            self.pki,
            self.logs,
            self.processes,
            self.config,
            self.etcd,
            self.aws,
            self.pulumi_home,
            self.backend,
            self.charts,
            self.helm,
            self.temporary,
        )
        for folder in folders:
            folder.mkdir(mode=OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
            folder.chmod(OWNER_ONLY_FOLDER)


def default_paths() -> SandboxPaths:
    """The sandbox of this checkout."""
    return SandboxPaths(PACKAGE_ROOT)
