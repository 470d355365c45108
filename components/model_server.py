"""One served model: its engines, and all that one address, one budget and one watch need.

What an engine is made of is in `vllm_container`, `deepspeed_mii_container`, `engine_pod`; what
keeps engines running, in `engine_workload`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import apiextensions, core, meta, policy, scheduling

from components import engine_workload
from components.child_options import child_options
from components.engine_network import network_policy
from components.engine_pod import MANAGED, PORT, EnginePod
from components.engine_scaling import Scaled, scaled_object
from components.engine_secrets import external_secrets
from components.engine_workload import ANSWERS
from components.expert_metrics import ExpertMetrics, expert_metrics
from components.monitoring import RELEASE_LABEL
from components.weights_source import WeightsSource
from stacks.settings.engines import VllmEngine
from stacks.settings.model_server import NAMESPACE, ModelServerSettings

_PRIORITY = 100_000
"""Above whatever else has a toleration for GPU nodes; below the system's own classes."""


@dataclass(frozen=True, slots=True)
class ModelServerArgs:
    """Sizes are literals, never outputs: a policy must see them in a preview.

    `tolerations` are what the GPU nodes ask for; `efa_interfaces` are those of one node.
    """

    settings: ModelServerSettings
    weights: WeightsSource
    tolerations: Sequence[Mapping[str, str]]
    efa_interfaces: int


class ModelServer(pulumi.ComponentResource):
    """Outputs: the address inside the cluster."""

    url: pulumi.Output[str]

    def __init__(
        self, name: str, args: ModelServerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("moe-serving:index:ModelServer", name, None, opts)
        settings = args.settings
        self._name = name
        self._args = args
        self._child = child_options(self, opts)
        self._labels = {
            "app.kubernetes.io/name": settings.engine.kind.replace("_", "-"),
            "app.kubernetes.io/instance": settings.server_name,
            "app.kubernetes.io/part-of": "moe-serving",
        }
        namespace = core.v1.Namespace(
            f"{name}-namespace",
            metadata=meta.v1.ObjectMetaArgs(
                name=NAMESPACE, labels={"pod-security.kubernetes.io/enforce": "restricted"}
            ),
            opts=self._child,
        )
        self._namespace = namespace.metadata.name
        self._expert_metrics = self._counts_of_experts()
        network_policy(
            name,
            self._metadata(),
            self._labels,
            spans_nodes=settings.nodes_per_engine > 1,
            scraped_ports=self._expert_metrics.ports if self._expert_metrics else (),
            opts=self._child,
        )
        workload = self._workload()
        if settings.autoscaling is not None:
            scaled_object(
                name,
                Scaled(
                    *self._kind,
                    name=self._workload_name,
                    namespace=NAMESPACE,
                    service=settings.server_name,
                    least=settings.replicas,
                    startup_s=args.weights.startup_s,
                ),
                settings.autoscaling,
                self._metadata(),
                child_options(self, opts, workload),
            )
        service = core.v1.Service(
            name,
            metadata=self._metadata(),
            spec=core.v1.ServiceSpecArgs(
                selector={**self._labels, **ANSWERS},
                ports=[core.v1.ServicePortArgs(name="http", port=PORT, target_port="http")],
            ),
            opts=self._child,
        )
        if settings.engine.has_metrics:
            self._service_monitor()
        self._disruption_budget()
        self.url = pulumi.Output.format(
            "http://{0}.{1}.svc:{2}", service.metadata.name, self._namespace, PORT
        )
        self.register_outputs({"url": self.url})

    @property
    def _spans_nodes(self) -> bool:
        return self._args.settings.nodes_per_engine > 1

    @property
    def _kind(self) -> tuple[str, str]:
        return (
            engine_workload.LEADER_WORKER_SET if self._spans_nodes else engine_workload.DEPLOYMENT
        )

    @property
    def _workload_name(self) -> str:
        """A LeaderWorkerSet makes a Service of its own name, and ours has the server's."""
        server_name = self._args.settings.server_name
        return f"{server_name}-group" if self._spans_nodes else server_name

    def _metadata(self, name: str | None = None) -> meta.v1.ObjectMetaArgs:
        return meta.v1.ObjectMetaArgs(
            name=name or self._args.settings.server_name,
            namespace=self._namespace,
            labels={**self._labels, **MANAGED},
        )

    def _workload(self) -> pulumi.Resource:
        args, engine = self._args, self._args.settings.engine
        pod = self._pod()
        metadata = self._metadata(self._workload_name)
        opts = pulumi.ResourceOptions.merge(
            self._child, pulumi.ResourceOptions(depends_on=self._secrets())
        )
        if isinstance(engine, VllmEngine) and self._spans_nodes:
            return engine_workload.leader_worker_set(
                self._name, pod, engine, metadata, efa_interfaces=args.efa_interfaces, opts=opts
            )
        return engine_workload.deployment(self._name, pod, metadata, opts)

    def _pod(self) -> EnginePod:
        args = self._args
        account = core.v1.ServiceAccount(
            self._name,
            metadata=self._metadata(),
            automount_service_account_token=False,
            opts=self._child,
        )
        priority = scheduling.v1.PriorityClass(
            self._name,
            metadata=meta.v1.ObjectMetaArgs(name=f"{NAMESPACE}-engine", labels=self._labels),
            value=_PRIORITY,
            description="Engines that answer requests: they evict batch jobs from GPU nodes.",
            opts=self._child,
        )
        return EnginePod(
            args.settings,
            args.weights,
            args.tolerations,
            self._labels,
            service_account=account.metadata.name,
            priority_class=priority.metadata.name,
            weights_volumes=args.weights.volumes(
                f"{self._name}-weights", self._namespace, self._child
            ),
            expert_metrics=self._expert_metrics,
        )

    def _counts_of_experts(self) -> ExpertMetrics | None:
        settings = self._args.settings
        if not settings.counts_experts:
            return None
        return expert_metrics(
            self._name,
            self._metadata(),
            self._labels,
            server_name=settings.server_name,
            data_parallel_size=settings.layout.data_parallel_size,
            opts=self._child,
        )

    def _secrets(self) -> list[apiextensions.CustomResource]:
        settings = self._args.settings
        if settings.external_secret_store is None:
            return []
        named = [settings.api_key_secret, self._args.weights.token_secret]
        return external_secrets(
            self._name,
            [secret for secret in named if secret is not None],
            store=settings.external_secret_store,
            namespace=self._namespace,
            opts=self._child,
        )

    def _service_monitor(self) -> None:
        metadata = self._metadata()
        apiextensions.CustomResource(
            self._name,
            api_version="monitoring.coreos.com/v1",
            kind="ServiceMonitor",
            metadata=meta.v1.ObjectMetaArgs(
                name=metadata.name,
                namespace=metadata.namespace,
                labels={**self._labels, **RELEASE_LABEL},
            ),
            spec={
                "selector": {"matchLabels": self._labels},
                "endpoints": [{"port": "http", "path": "/metrics", "interval": "15s"}],
            },
            opts=self._child,
        )

    def _disruption_budget(self) -> None:
        policy.v1.PodDisruptionBudget(
            self._name,
            metadata=self._metadata(),
            spec=policy.v1.PodDisruptionBudgetSpecArgs(
                max_unavailable=1, selector=meta.v1.LabelSelectorArgs(match_labels=self._labels)
            ),
            opts=self._child,
        )
