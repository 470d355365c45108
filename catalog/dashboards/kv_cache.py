"""Whether engines have room: KV cache, queue, and what they turn away."""

from catalog.alerts import Thresholds
from catalog.dashboards.board import ORANGE, Board, Limit, Panel, Query, Row, Stat, TimeSeries
from catalog.dashboards.promql import ENGINE_VARIABLES, ENGINES, quantile, quantiles, rate

_USAGE = f"vllm:kv_cache_usage_perc{{{ENGINES}}}"
_WAITING = f"vllm:num_requests_waiting{{{ENGINES}}}"
_RUNNING = f"vllm:num_requests_running{{{ENGINES}}}"
_HITS = rate("vllm:prefix_cache_hits_total")
_QUERIES = rate("vllm:prefix_cache_queries_total")


def board(thresholds: Thresholds) -> Board:
    return Board(
        uid="moe-kv-cache-queue",
        title="MoE serving: KV cache and queue",
        description="Whether the engines have room for what is asked of them.",
        variables=ENGINE_VARIABLES,
        rows=(
            Row("Now", _now(thresholds)),
            Row("KV cache", _kv_cache(thresholds)),
            Row("Queue", _queue(thresholds)),
            Row("Work", _work()),
        ),
    )


def _now(thresholds: Thresholds) -> tuple[Panel, ...]:
    vllm = thresholds.vllm
    return (
        Stat(
            title="Fullest KV cache",
            description=(
                "Use of the fullest engine's KV cache. Orange from"
                f" {vllm.kv_cache_usage_ratio:.0%} on, where an alert warns."
            ),
            unit="percentunit",
            queries=(Query(f"max({_USAGE})"),),
            limits=(Limit(vllm.kv_cache_usage_ratio, ORANGE),),
            alerts=("HighKVCacheUsage",),
            decimals=0,
        ),
        Stat(
            title="Preemptions",
            description=(
                "Requests a minute that lose their KV cache and are computed again, in the worst"
                f" engine. Orange from {vllm.preemptions_per_min:g} on."
            ),
            unit="cpm",
            queries=(Query(f"max(sum by (pod) ({rate('vllm:num_preemptions_total')})) * 60"),),
            limits=(Limit(vllm.preemptions_per_min, ORANGE),),
            alerts=("KVCachePreemptions",),
            decimals=1,
        ),
        Stat(
            title="Running",
            description="Requests that are computed now, over all engines.",
            unit="short",
            queries=(Query(f"sum({_RUNNING})"),),
        ),
        Stat(
            title="Longest queue",
            description=(
                "Requests that wait for the engine with the longest queue. Orange above"
                f" {vllm.waiting_requests}, where an alert warns."
            ),
            unit="short",
            queries=(Query(f"max(sum by (pod) ({_WAITING}))"),),
            limits=(Limit(vllm.waiting_requests, ORANGE),),
            alerts=("ModelServerQueueBacklog",),
        ),
        Stat(
            title="Queue time, p99",
            description=(
                "One request in a hundred waits this long or longer for its turn, in the slowest"
                f" model. Orange from {vllm.queue_time_p99_s:g} s on, where an alert warns."
            ),
            unit="s",
            queries=(Query(f"max({quantile(0.99, 'request_queue_time_seconds')})"),),
            limits=(Limit(vllm.queue_time_p99_s, ORANGE),),
            alerts=("ModelServerSlowQueue",),
            decimals=2,
        ),
        Stat(
            title="Prefix cache hits",
            description="Share of prompt tokens that were in the KV cache, so cost no time.",
            unit="percentunit",
            queries=(Query(f"sum({_HITS}) / sum({_QUERIES})"),),
            decimals=0,
        ),
    )


def _kv_cache(thresholds: Thresholds) -> tuple[Panel, ...]:
    vllm = thresholds.vllm
    return (
        TimeSeries(
            title="KV cache use",
            description=(
                "Share of each engine's KV cache that requests hold. Near 1 the engine preempts:"
                " shorter contexts, fewer sequences at once or more engines help. One engine far"
                " above the others points at the routing. The line is where an alert warns."
            ),
            unit="percentunit",
            queries=(Query(f"max by (pod) ({_USAGE})", "{{pod}}"),),
            limits=(Limit(vllm.kv_cache_usage_ratio),),
            alerts=("HighKVCacheUsage",),
            maximum=1,
        ),
        TimeSeries(
            title="Preemptions",
            description=(
                "Requests a minute that lose their KV cache and are computed again: GPU time spent"
                " twice, and pauses in the middle of answers. The line is where an alert warns."
            ),
            unit="cpm",
            queries=(
                Query(f"sum by (pod) ({rate('vllm:num_preemptions_total')}) * 60", "{{pod}}"),
            ),
            limits=(Limit(vllm.preemptions_per_min),),
            alerts=("KVCachePreemptions",),
        ),
        TimeSeries(
            title="Prefix cache hits",
            description=(
                "Share of prompt tokens found in the KV cache. It falls when prompts stop to share"
                " their beginnings, and when a full cache throws prefixes out."
            ),
            unit="percentunit",
            queries=(Query(f"sum by (pod) ({_HITS}) / sum by (pod) ({_QUERIES})", "{{pod}}"),),
            maximum=1,
        ),
        TimeSeries(
            title="Requests running",
            description=(
                "Requests in each engine's batch. A flat top is max_num_seqs; a lower top with a"
                " queue behind it is the KV cache."
            ),
            unit="short",
            queries=(Query(f"sum by (pod) ({_RUNNING})", "{{pod}}"),),
        ),
    )


def _queue(thresholds: Thresholds) -> tuple[Panel, ...]:
    vllm = thresholds.vllm
    by_reason = f"vllm:num_requests_waiting_by_reason{{{ENGINES}}}"
    return (
        TimeSeries(
            title="Requests waiting",
            description=(
                "Queue of each engine. For minutes above 0: more comes than is served. The line is"
                " where an alert warns."
            ),
            unit="short",
            queries=(Query(f"sum by (pod) ({_WAITING})", "{{pod}}"),),
            limits=(Limit(vllm.waiting_requests),),
            alerts=("ModelServerQueueBacklog", "ModelServerEngineStalled"),
        ),
        TimeSeries(
            title="What requests wait for",
            description=(
                "capacity: a place in the batch or in the KV cache; deferred: something else, such"
                " as a KV cache that is fetched from elsewhere."
            ),
            unit="short",
            queries=(Query(f"sum by (reason) ({by_reason})", "{{reason}}"),),
            stacked=True,
        ),
        TimeSeries(
            title="Time in the queue",
            description=(
                "From arrival to the first step of the engine. Part of the time to first token."
                " The line is where an alert warns."
            ),
            unit="s",
            queries=quantiles("request_queue_time_seconds"),
            limits=(Limit(vllm.queue_time_p99_s),),
            alerts=("ModelServerSlowQueue",),
        ),
        TimeSeries(
            title="Requests refused",
            description=(
                "HTTP 503 a second, by reason: more waits than max_queued_requests or"
                " max_queued_tokens allow. Refusing keeps the latency of the others. Empty until"
                " the first refusal, and where the queue has no limit."
            ),
            unit="reqps",
            queries=(
                Query(f"sum by (reason) ({rate('vllm:admission_rejections_total')})", "{{reason}}"),
            ),
            alerts=("ModelServerRejectsRequests",),
        ),
    )


def _work() -> tuple[Panel, ...]:
    return (
        TimeSeries(
            title="Tokens",
            description="Prompt tokens read and answer tokens generated in a second.",
            unit="suffix: tok/s",
            queries=(
                Query(f"sum({rate('vllm:prompt_tokens_total')})", "prompt"),
                Query(f"sum({rate('vllm:generation_tokens_total')})", "generated"),
            ),
        ),
        TimeSeries(
            title="Engine steps",
            description=(
                "Steps of each engine in a second: its heartbeat. 0 with requests in it is an"
                " engine that hangs, while its health check still answers."
            ),
            unit="cps",
            queries=(
                Query(f"sum by (pod) ({rate('vllm:iteration_tokens_total_count')})", "{{pod}}"),
            ),
            alerts=("ModelServerEngineStalled",),
        ),
    )
