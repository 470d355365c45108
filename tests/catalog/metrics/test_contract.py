"""Every rule reads what is really exported; and the check can fail."""

import pytest

from catalog.alerts import Alert, Recording, RuleGroup
from catalog.alerts.scenes.scene import groups
from catalog.metrics import exported
from catalog.metrics.contract import problems, read
from catalog.metrics.grafana import filled_in
from catalog.metrics.rules import rule_problems

TTFT = "vllm:time_to_first_token_seconds"
KV_CACHE = "vllm:kv_cache_usage_perc"
REFUSED = {
    "the source article's: renamed in vLLM 0.9, gone since 0.12": (
        "vllm:gpu_cache_usage_perc > 90",
        "vllm:gpu_cache_usage_perc is exported by nobody",
    ),
    "renamed, gone since 0.18": (
        "rate(vllm:time_per_output_token_seconds_count[5m]) > 1",
        "vllm:time_per_output_token_seconds_count is exported by nobody",
    ),
    "a DCGM field that is not collected": (
        "DCGM_FI_DEV_XID_ERRORS != 0",
        "DCGM_FI_DEV_XID_ERRORS is exported by nobody",
    ),
    "absent() of what never was": (
        'absent(vllm:kv_cache_usage{namespace="m"})',
        "vllm:kv_cache_usage is exported by nobody",
    ),
    "a name given as a label": (
        '{__name__="vllm:kv_cache_usage"} > 0.9',
        "vllm:kv_cache_usage is exported by nobody",
    ),
    "a counter without its suffix": (
        "rate(vllm:num_preemptions[5m]) > 0",
        "vllm:num_preemptions is exported by nobody: it is a counter, exposed as"
        " vllm:num_preemptions_total",
    ),
    "a histogram as if it were a gauge": (
        f"{TTFT} > 1",
        f"{TTFT} is exported by nobody: it is a histogram, of which there are {TTFT}_bucket,"
        f" {TTFT}_count, {TTFT}_sum",
    ),
    "what a flag switches on that no engine gets": (
        "rate(vllm:estimated_flops_per_gpu_total[5m]) > 0",
        "vllm:estimated_flops_per_gpu_total is not always exported: with --enable-mfu-metrics",
    ),
    "rate() of a gauge": (
        f"rate({KV_CACHE}[5m]) > 0",
        f"rate() of {KV_CACHE}{{}}[5m]: that is a gauge, not a counter",
    ),
    "increase() of what has the name of a counter": (
        "increase(gpu_operator_gpu_nodes_total[5m]) > 0",
        "increase() of gpu_operator_gpu_nodes_total{}[5m]: that is a gauge, not a counter",
    ),
    "rate() of a rate": (
        "rate(rate(vllm:num_preemptions_total[5m])[10m:1m]) > 0",
        "rate() of rate(vllm:num_preemptions_total{}[5m])[10m:1m]: that is a gauge, not a counter",
    ),
    "the sum before the rate": (
        "rate(sum(vllm:num_preemptions_total)[10m:1m]) > 0",
        "rate() of sum(vllm:num_preemptions_total{})[10m:1m]: take the rate first, then the sum",
    ),
    "delta() of a counter": (
        "delta(vllm:num_preemptions_total[5m]) > 0",
        "delta() of vllm:num_preemptions_total{}[5m]: a counter starts again at zero",
    ),
    "a ratio against percent": (
        f"max by (pod) ({KV_CACHE}) > 90",
        f"max by (pod)({KV_CACHE}{{}}) > 90: it is a ratio, 0 to 1",
    ),
    "a ratio against its own end": (
        f"max_over_time({KV_CACHE}[5m]) > 1",
        f"max_over_time({KV_CACHE}{{}}[5m]) > 1: it is a ratio, 0 to 1",
    ),
    "a ratio on the right": (
        f"90 < {KV_CACHE}",
        f"{KV_CACHE}{{}} > 90: it is a ratio, 0 to 1",
    ),
    "what is left of a ratio against percent": (
        f"1 - {KV_CACHE} < 10",
        f"1 - {KV_CACHE}{{}} < 10: it is a ratio, 0 to 1",
    ),
    "percent against a ratio": (
        "avg by (Hostname) (DCGM_FI_DEV_GPU_UTIL) > 0.9",
        "avg by (Hostname)(DCGM_FI_DEV_GPU_UTIL{}) > 0.9: it is a percentage, 0 to 100",
    ),
    "a ratio made percent, against a ratio": (
        f"{KV_CACHE} * 100 > 0.9",
        f"{KV_CACHE}{{}} * 100 > 0.9: it is a percentage, 0 to 100",
    ),
    "more than true": ("up > 1", "up{} > 1: it is 0 or 1"),
    "milliseconds against seconds": (
        f"histogram_quantile(0.99, sum by (le) (rate({TTFT}_bucket[5m]))) > 5000",
        f"histogram_quantile(0.99, sum by (le)(rate({TTFT}_bucket{{}}[5m]))) > 5000: a quantile"
        " ends at the last edge, 2560",
    ),
    "a quantile of counts": (
        f"histogram_quantile(0.99, sum by (le) ({TTFT}_bucket))",
        f"histogram_quantile() of sum by (le)({TTFT}_bucket{{}}): those are not rates of buckets",
    ),
    "a quantile of another thing": (
        f"histogram_quantile(0.99, rate({TTFT}_sum[5m]))",
        f"histogram_quantile() of rate({TTFT}_sum{{}}[5m]): those are not rates of buckets",
    ),
    "a quantile without buckets": (
        f"histogram_quantile(0.99, sum by (pod) (rate({TTFT}_bucket[5m])))",
        f"histogram_quantile() of sum by (pod)(rate({TTFT}_bucket{{}}[5m])): label le is gone",
    ),
    "between the edges": (
        f'rate({TTFT}_bucket{{le="3"}}[5m])',
        f'le="3" is no edge of {TTFT}_bucket; edges: 0.001,',
    ),
    "an edge in another spelling": (
        f'rate({TTFT}_bucket{{le="5"}}[5m])',
        f'le="5" is no edge of {TTFT}_bucket; edges: 0.001,',
    ),
    "a matcher of a label that is not there": (
        'DCGM_FI_DEV_GPU_TEMP{node="n"} > 80',
        "DCGM_FI_DEV_GPU_TEMP has no label node; it has Hostname, UUID,",
    ),
    "by a label that is not there": (
        "sum by (node) (vllm:num_requests_waiting) > 0",
        "vllm:num_requests_waiting{} has no label node; it has container, endpoint, engine,",
    ),
    "by a label that is gone": (
        "max by (pod) (sum by (namespace) (vllm:num_requests_waiting)) > 0",
        "sum by (namespace)(vllm:num_requests_waiting{}) has no label pod; it has namespace",
    ),
    "on a label that one side has not": (
        "DCGM_FI_DEV_GPU_TEMP and on (node) kube_node_status_capacity",
        "DCGM_FI_DEV_GPU_TEMP{} has no label node",
    ),
    "a label from the side that has it not": (
        "vllm:num_requests_waiting * on (namespace, pod) group_left (node) kube_pod_created",
        "kube_pod_created{} has no label node",
    ),
    "sides that never match": (
        "vllm:num_requests_waiting_by_reason > 0 and vllm:num_requests_running == 0",
        "their labels never match, one side alone has reason",
    ),
    "a label of the exporter, which Prometheus has renamed": (
        'label_replace(DCGM_FI_DEV_GPU_TEMP, "node", "$1", "hostname", "(.+)")',
        "DCGM_FI_DEV_GPU_TEMP{} has no label hostname",
    ),
    "no PromQL": ("sum(", "does not parse"),
}
"""By what is wrong: an expression, and how its only problem begins or what it says."""

ACCEPTED = (
    f"max by (namespace, pod) ({KV_CACHE}) > 0.9",
    f"{KV_CACHE} * 100 > 90",
    f'absent({KV_CACHE}{{namespace="m"}})',
    f"deriv({KV_CACHE}[5m]) > 0 or max_over_time({KV_CACHE}[5m]) >= 1",
    "sum by (pod) (rate(vllm:iteration_tokens_total_count[5m])) == 0",
    "increase(max by (Hostname, gpu) (DCGM_FI_DEV_ECC_DBE_VOL_TOTAL)[1h:1m]) > 0",
    f"histogram_quantile(0.99, sum by (le) (rate({TTFT}_bucket[5m]))) > 2.5",
    f'rate({TTFT}_bucket{{le=~"5([.]0)?"}}[5m]) / ignoring (le) rate({TTFT}_count[5m])',
    f"rate({TTFT}_sum[5m]) / rate({TTFT}_count[5m]) > 10",
    'DCGM_EXP_XID_ERRORS_COUNT{xid!~"|0",exported_pod="p"} > 0',
    'count by (node) (label_replace(DCGM_FI_DEV_GPU_TEMP, "node", "$1", "Hostname", "(.+)")) < 8',
    "time() - kube_pod_created > 1800",
    "vllm:num_requests_waiting * on (namespace, pod) group_left (node) kube_pod_info > 5",
    "vector(1) > 0",
)


def test_every_rule_reads_what_is_exported() -> None:
    assert rule_problems(groups()) == []


@pytest.mark.parametrize(("expression", "problem"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_wrong_is_said_once_and_in_words(expression: str, problem: str) -> None:
    (said,) = problems(expression)
    assert problem in said


@pytest.mark.parametrize("expression", ACCEPTED)
def test_what_is_right_is_accepted(expression: str) -> None:
    assert problems(expression) == []


def test_a_condition_that_the_stack_does_not_set_is_on_no_metric_of_a_rule() -> None:
    conditional = {metric.name for metric in exported().values() if metric.condition}
    assert "vllm:kv_block_lifetime_seconds" in conditional
    assert KV_CACHE not in conditional


def test_a_recorded_series_is_known_by_what_it_was_computed_from() -> None:
    record = Recording("model:ttft:rate5m", f"sum by (model_name, le) (rate({TTFT}_bucket[5m]))")
    slow = "histogram_quantile(0.99, model:ttft:rate5m) > 5"
    text = "{{ $labels.model_name }} waits {{ $value }}."

    def said(expression: str, description: str) -> list[str]:
        alert = Alert("Slow", expression, "5m", "warning", "Slow.", description)
        return rule_problems([RuleGroup("slow.rules", (record, alert))])

    assert said(slow, text) == []
    assert said(slow.replace("5m)", "1m)"), text) == [
        "Slow: model:ttft:rate1m is exported by nobody"
    ]
    assert said(slow, "{{ $labels.pod }}") == [
        "Slow: the description names label pod, which the alert has not"
    ]


def test_the_labels_of_an_expression_are_those_of_its_alert() -> None:
    series, found = read('sum by (namespace) (up) < 1 or absent(up{pod="p"})')
    assert not found
    assert series is not None
    assert series.labels == {"namespace", "pod"}


def test_panels_are_read_with_something_in_place_of_their_variables() -> None:
    panel = 'sum by ($by) (rate(vllm:generation_tokens_total{namespace=~"${namespace:regex}"}'
    expression = filled_in(f"{panel}[$__rate_interval]))", {"by": "pod"})
    assert problems(expression) == []
    assert 'namespace=~".+"' in expression
