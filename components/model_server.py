"""One served model: vLLM with tensor parallelism on the GPUs of one node."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import apiextensions, apps, core, meta, networking, policy

from catalog import gpu_nodes
from components.child_options import child_options
from components.monitoring import NAMESPACE as MONITORING_NAMESPACE
from components.monitoring import RELEASE_LABEL
from components.weights_source import WeightsSource
from stacks.settings.model_server import ModelServerSettings

NAMESPACE = "model-serving"
PORT = 8000
CONTAINER = "vllm"

_PROBE_PERIOD_S = 10
_PRESTOP_S = 15
"""Endpoints take a moment to forget a pod; requests that still arrive are served."""
_DRAIN_S = 120
"""Then vLLM finishes what runs, up to this long."""

_CACHE = "/cache"


@dataclass(frozen=True, slots=True)
class ModelServerArgs:
    """Sizes are literals, never outputs: a policy must see them in a preview.

    `tolerations` are what the GPU nodes ask for.
    """

    settings: ModelServerSettings
    weights: WeightsSource
    tolerations: Sequence[Mapping[str, str]]


class ModelServer(pulumi.ComponentResource):
    """Outputs: the Deployment and the address inside the cluster."""

    deployment: apps.v1.Deployment
    url: pulumi.Output[str]

    def __init__(
        self, name: str, args: ModelServerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("moe-serving:index:ModelServer", name, None, opts)
        self._name = name
        self._args = args
        self._child = child_options(self, opts)
        self._labels = {
            "app.kubernetes.io/name": "vllm",
            "app.kubernetes.io/instance": args.settings.server_name,
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
        account = core.v1.ServiceAccount(
            name,
            metadata=self._metadata(),
            automount_service_account_token=False,
            opts=self._child,
        )
        self._weights_volumes = args.weights.volumes(
            f"{name}-weights", self._namespace, self._child
        )
        self._network_policy()
        self.deployment = self._deployment(account)
        service = core.v1.Service(
            name,
            metadata=self._metadata(),
            spec=core.v1.ServiceSpecArgs(
                selector=self._labels,
                ports=[core.v1.ServicePortArgs(name="http", port=PORT, target_port="http")],
            ),
            opts=self._child,
        )
        self._service_monitor()
        self._disruption_budget()
        self.url = pulumi.Output.format(
            "http://{0}.{1}.svc:{2}", service.metadata.name, self._namespace, PORT
        )
        self.register_outputs({"url": self.url})

    def _metadata(self) -> meta.v1.ObjectMetaArgs:
        return meta.v1.ObjectMetaArgs(
            name=self._args.settings.server_name, namespace=self._namespace, labels=self._labels
        )

    def _deployment(self, account: core.v1.ServiceAccount) -> apps.v1.Deployment:
        args = self._args
        seconds = args.weights.startup_s + 900
        return apps.v1.Deployment(
            self._name,
            metadata=self._metadata(),
            spec=apps.v1.DeploymentSpecArgs(
                replicas=args.settings.replicas,
                selector=meta.v1.LabelSelectorArgs(match_labels=self._labels),
                # A second pod cannot surge onto a node whose GPUs the first one holds.
                strategy=apps.v1.DeploymentStrategyArgs(
                    type="RollingUpdate",
                    rolling_update=apps.v1.RollingUpdateDeploymentArgs(
                        max_surge=0, max_unavailable=1
                    ),
                ),
                progress_deadline_seconds=args.weights.startup_s + 600,
                revision_history_limit=5,
                template=core.v1.PodTemplateSpecArgs(
                    metadata=meta.v1.ObjectMetaArgs(labels=self._labels),
                    spec=self._pod(account),
                ),
            ),
            opts=pulumi.ResourceOptions.merge(
                self._child,
                pulumi.ResourceOptions(
                    custom_timeouts=pulumi.CustomTimeouts(
                        create=f"{seconds}s", update=f"{seconds * max(args.settings.replicas, 1)}s"
                    )
                ),
            ),
        )

    def _pod(self, account: core.v1.ServiceAccount) -> core.v1.PodSpecArgs:
        args = self._args
        return core.v1.PodSpecArgs(
            service_account_name=account.metadata.name,
            automount_service_account_token=False,
            enable_service_links=False,
            node_selector=dict(gpu_nodes.NODE_SELECTOR),
            tolerations=[
                core.v1.TolerationArgs(
                    key=each["key"],
                    operator=each["operator"],
                    value=each.get("value"),
                    effect=each["effect"],
                )
                for each in args.tolerations
            ],
            termination_grace_period_seconds=_PRESTOP_S + _DRAIN_S + 30,
            security_context=core.v1.PodSecurityContextArgs(
                # The user that vLLM's image is prepared for (its docs, "docker").
                run_as_non_root=True,
                run_as_user=2000,
                run_as_group=0,
                fs_group=0,
                seccomp_profile=core.v1.SeccompProfileArgs(type="RuntimeDefault"),
            ),
            containers=[self._container()],
            volumes=[
                *self._weights_volumes,
                core.v1.VolumeArgs(
                    name="shm",
                    empty_dir=core.v1.EmptyDirVolumeSourceArgs(
                        medium="Memory", size_limit=f"{args.settings.shm_gib}Gi"
                    ),
                ),
                core.v1.VolumeArgs(
                    name="cache",
                    empty_dir=core.v1.EmptyDirVolumeSourceArgs(
                        size_limit=f"{args.weights.disk_gib}Gi"
                    ),
                ),
                core.v1.VolumeArgs(
                    name="tmp", empty_dir=core.v1.EmptyDirVolumeSourceArgs(size_limit="8Gi")
                ),
            ],
        )

    def _container(self) -> core.v1.ContainerArgs:
        args = self._args
        quantities = {
            "cpu": str(args.settings.cpu),
            "memory": f"{args.settings.memory_gib}Gi",
            "ephemeral-storage": f"{args.weights.disk_gib + 10}Gi",
            gpu_nodes.GPU_RESOURCE: str(args.settings.tensor_parallel_size),
        }
        return core.v1.ContainerArgs(
            name=CONTAINER,
            image=args.settings.image,
            # The image's entry point is `vllm serve`.
            args=[
                args.weights.location,
                *args.weights.flags(),
                f"--served-model-name={args.settings.server_name}",
                f"--port={PORT}",
                "--dtype=bfloat16",
                f"--tensor-parallel-size={args.settings.tensor_parallel_size}",
                f"--gpu-memory-utilization={args.settings.gpu_memory_utilization}",
                f"--max-model-len={args.settings.max_model_len}",
                f"--max-num-seqs={args.settings.max_num_seqs}",
                f"--shutdown-timeout={_DRAIN_S}",
            ],
            env=self._environment(),
            ports=[core.v1.ContainerPortArgs(name="http", container_port=PORT)],
            resources=core.v1.ResourceRequirementsArgs(requests=quantities, limits=quantities),
            startup_probe=self._probe(math.ceil(args.weights.startup_s / _PROBE_PERIOD_S)),
            readiness_probe=self._probe(3),
            liveness_probe=self._probe(6),
            lifecycle=core.v1.LifecycleArgs(
                pre_stop=core.v1.LifecycleHandlerArgs(
                    sleep=core.v1.SleepActionArgs(seconds=_PRESTOP_S)
                )
            ),
            security_context=core.v1.SecurityContextArgs(
                allow_privilege_escalation=False,
                read_only_root_filesystem=True,
                capabilities=core.v1.CapabilitiesArgs(drop=["ALL"]),
            ),
            volume_mounts=[
                core.v1.VolumeMountArgs(name="shm", mount_path="/dev/shm"),
                core.v1.VolumeMountArgs(name="cache", mount_path=_CACHE),
                core.v1.VolumeMountArgs(name="tmp", mount_path="/tmp"),
                *args.weights.mounts(),
            ],
        )

    def _environment(self) -> list[core.v1.EnvVarArgs]:
        variables = {
            "HOME": _CACHE,
            "HF_HOME": f"{_CACHE}/huggingface",
            "VLLM_CACHE_ROOT": f"{_CACHE}/vllm",
            "VLLM_NO_USAGE_STATS": "1",
            # vLLM gives up on its own engine after 600 s by default.
            "VLLM_ENGINE_READY_TIMEOUT_S": str(self._args.weights.startup_s),
        }
        environment = [core.v1.EnvVarArgs(name=k, value=v) for k, v in variables.items()]
        return [*environment, *self._args.weights.environment()]

    def _probe(self, failure_threshold: int) -> core.v1.ProbeArgs:
        return core.v1.ProbeArgs(
            http_get=core.v1.HTTPGetActionArgs(path="/health", port="http"),
            period_seconds=_PROBE_PERIOD_S,
            # A busy API server process answers late, and is not dead.
            timeout_seconds=10,
            failure_threshold=failure_threshold,
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

    def _network_policy(self) -> None:
        """Requests from this namespace, scrapes from monitoring; out: DNS and HTTPS.

        vLLM's API key guards /v1 alone, so /metrics and the rest need this.
        """
        peer = networking.v1.NetworkPolicyPeerArgs
        port = networking.v1.NetworkPolicyPortArgs
        scrapers = meta.v1.LabelSelectorArgs(
            match_labels={"kubernetes.io/metadata.name": MONITORING_NAMESPACE}
        )
        networking.v1.NetworkPolicy(
            self._name,
            metadata=self._metadata(),
            spec=networking.v1.NetworkPolicySpecArgs(
                pod_selector=meta.v1.LabelSelectorArgs(match_labels=self._labels),
                policy_types=["Ingress", "Egress"],
                ingress=[
                    networking.v1.NetworkPolicyIngressRuleArgs(
                        from_=[
                            peer(pod_selector=meta.v1.LabelSelectorArgs()),
                            peer(namespace_selector=scrapers),
                        ],
                        ports=[port(port=PORT, protocol="TCP")],
                    )
                ],
                egress=[
                    networking.v1.NetworkPolicyEgressRuleArgs(
                        ports=[
                            port(port=53, protocol="UDP"),
                            port(port=53, protocol="TCP"),
                            port(port=443, protocol="TCP"),
                        ]
                    ),
                    # The agent of EKS Pod Identity, on the node.
                    networking.v1.NetworkPolicyEgressRuleArgs(
                        to=[peer(ip_block=networking.v1.IPBlockArgs(cidr="169.254.170.23/32"))],
                        ports=[port(port=80, protocol="TCP")],
                    ),
                ],
            ),
            opts=self._child,
        )
