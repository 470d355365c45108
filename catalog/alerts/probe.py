"""Alerts from the kubelet's own probes, so for engines without metrics too."""

from catalog.alerts.rule import Alert, RuleGroup
from catalog.alerts.served import Served


def group(served: Served) -> RuleGroup:
    ready = f'kube_pod_status_ready{{namespace="{served.namespace}",condition="true"}}'
    created = f'kube_pod_created{{namespace="{served.namespace}"}}'
    alerts = (
        Alert(
            name="ModelServerNotReady",
            expression=(
                f"max by (namespace, pod) ({ready}) == 0 and on (namespace, pod)"
                f" (max by (namespace, pod) (max_over_time({ready}[1h])) == 1"
                f" or time() - max by (namespace, pod) ({created}) > {served.startup_s})"
            ),
            for_="2m",
            severity="critical",
            summary="A model server does not answer its probe.",
            description=(
                "{{ $labels.namespace }}/{{ $labels.pod }} was ready before, or had"
                f" {served.startup_s / 60:.0f} minutes to become it, and is not ready:"
                " it gets no requests."
            ),
        ),
    )
    return RuleGroup("probe.rules", alerts)
