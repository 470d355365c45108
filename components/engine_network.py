"""Who may talk to the engines, and they to whom."""

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_kubernetes import meta, networking

from components.engine_pod import PORT
from components.monitoring import NAMESPACE as MONITORING_NAMESPACE


def network_policy(
    name: str,
    metadata: meta.v1.ObjectMetaArgs,
    labels: Mapping[str, str],
    *,
    spans_nodes: bool,
    scraped_ports: Sequence[int] = (),
    opts: pulumi.ResourceOptions,
) -> networking.v1.NetworkPolicy:
    """Requests from this namespace, scrapes from monitoring; out: DNS and HTTPS.

    `scraped_ports` are those that monitoring alone may reach.

    vLLM's API key guards /v1 alone, so /metrics and the rest need this. What the stages of one
    engine say to each other is neither encrypted nor authenticated, and whoever reaches their
    ports may run code (vLLM, docs/usage/security.md): it stays among the engine's own pods.
    """
    peer = networking.v1.NetworkPolicyPeerArgs
    port = networking.v1.NetworkPolicyPortArgs
    engines = meta.v1.LabelSelectorArgs(match_labels=dict(labels))
    scrapers = meta.v1.LabelSelectorArgs(
        match_labels={"kubernetes.io/metadata.name": MONITORING_NAMESPACE}
    )
    ingress = [
        networking.v1.NetworkPolicyIngressRuleArgs(
            from_=[
                peer(pod_selector=meta.v1.LabelSelectorArgs()),
                peer(namespace_selector=scrapers),
            ],
            ports=[port(port=PORT, protocol="TCP")],
        )
    ]
    if scraped_ports:
        ingress.append(
            networking.v1.NetworkPolicyIngressRuleArgs(
                from_=[peer(namespace_selector=scrapers)],
                ports=[port(port=each, protocol="TCP") for each in scraped_ports],
            )
        )
    egress = [
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
    ]
    if spans_nodes:
        # NCCL and ZeroMQ choose their ports when they start.
        among = [peer(pod_selector=engines)]
        ingress.append(networking.v1.NetworkPolicyIngressRuleArgs(from_=among))
        egress.append(networking.v1.NetworkPolicyEgressRuleArgs(to=among))
    return networking.v1.NetworkPolicy(
        name,
        metadata=metadata,
        spec=networking.v1.NetworkPolicySpecArgs(
            pod_selector=engines,
            policy_types=["Ingress", "Egress"],
            ingress=ingress,
            egress=egress,
        ),
        opts=opts,
    )
