"""Alerts from vLLM's metrics: each fires, stays quiet below, resolves, reads well."""

from catalog.alerts.scenes.scene import Scene, series

POD = {"namespace": "m", "pod": "p", "model_name": "mixtral"}
ENGINE = {**POD, "engine": "0"}
MODEL = {"namespace": "m", "model_name": "mixtral"}
LEADER = {"namespace": "m", "pod": "mixtral-group-0"}
SCRAPED = {**LEADER, "job": "mixtral", "instance": "10.0.0.1:8000"}

FIRST_TOKENS = "vllm:time_to_first_token_seconds"
ENDED = "vllm:request_success_total"
REFUSED = "vllm:admission_rejections_total"


def histogram(name: str, **buckets: str) -> list[dict[str, str]]:
    """Buckets by edge, such as `le_0_5`; the last one has all."""
    edges = {key.removeprefix("le_").replace("_", "."): values for key, values in buckets.items()}
    *_, every = buckets.values()
    return [
        *(series(f"{name}_bucket", {**ENGINE, "le": le}, values) for le, values in edges.items()),
        series(f"{name}_bucket", {**ENGINE, "le": "+Inf"}, every),
        series(f"{name}_count", ENGINE, every),
    ]


SCENES = {
    "kv cache full, then not": Scene(
        "HighKVCacheUsage",
        [series("vllm:kv_cache_usage_perc", ENGINE, "0.95x10 0.5x10")],
        quiet_min=(0, 4, 12),
        firing_min=6,
        labels=POD,
        description=(
            "The KV cache of m/p (mixtral) has been at 95%, above 90%: past it vLLM preempts"
            " requests and computes them again."
        ),
    ),
    "kv cache at the threshold": Scene(
        "HighKVCacheUsage",
        [series("vllm:kv_cache_usage_perc", POD, "0.9x20")],
        quiet_min=(6, 15),
    ),
    "preempts while the cache is full, then no more": Scene(
        "KVCachePreemptions",
        [
            # Full only at every second scrape: a preemption makes room.
            series("vllm:kv_cache_usage_perc", ENGINE, "1 0.8 1 0.8 1 0.8 1 0.8 1 0.8 1 0.5x20"),
            series("vllm:num_preemptions_total", ENGINE, "0+6x10 60x20"),
        ],
        quiet_min=(4, 20),
        firing_min=9,
        labels=POD,
        description=(
            "m/p (mixtral) preempts 6.0 requests a minute: its KV cache is full, and running"
            " answers halt."
        ),
    ),
    "preempts once in five minutes": Scene(
        "KVCachePreemptions",
        [
            series("vllm:kv_cache_usage_perc", ENGINE, "1x20"),
            series("vllm:num_preemptions_total", ENGINE, "0x4 1x4 2x4 3x4 4x4"),
        ],
        quiet_min=(9, 15, 19),
    ),
    "preempts with room in the cache": Scene(
        "KVCachePreemptions",
        [
            series("vllm:kv_cache_usage_perc", ENGINE, "0.9x20"),
            series("vllm:num_preemptions_total", ENGINE, "0+6x20"),
        ],
        quiet_min=(9, 15),
    ),
    "queue, then none": Scene(
        "ModelServerQueueBacklog",
        [series("vllm:num_requests_waiting", POD, "21x10 20x10")],
        quiet_min=(4, 12),
        firing_min=6,
        labels=POD,
        description="21 requests wait for m/p (mixtral).",
    ),
    "4 s in the queue, then 0.2 s": Scene(
        "ModelServerSlowQueue",
        [
            *histogram(
                "vllm:request_queue_time_seconds",
                le_0_3="0x20 60+60x20",
                le_2_5="0x20 60+60x20",
                le_5_0="0+60x41",
            ),
            series(f"{FIRST_TOKENS}_count", ENGINE, "0+60x41"),
        ],
        quiet_min=(8, 40),
        firing_min=14,
        labels=MODEL,
        description=(
            "One in a hundred requests to mixtral in m waits 4.975s or longer until an engine"
            " begins it."
        ),
    ),
    "first token after 7 s, then after 0.3 s": Scene(
        "ModelServerSlowFirstToken",
        histogram(FIRST_TOKENS, le_0_5="0x20 60+60x20", le_5_0="0x20 60+60x20", le_7_5="0+60x41"),
        quiet_min=(8, 40),
        firing_min=14,
        labels=MODEL,
        description=(
            "One in a hundred requests to mixtral in m waits 7.475s or longer for its first token."
        ),
    ),
    "one slow request a minute at night": Scene(
        "ModelServerSlowFirstToken",
        histogram(FIRST_TOKENS, le_5_0="0+9x40", le_7_5="0+10x40"),
        quiet_min=(14, 30, 40),
    ),
    "0.6 s between tokens, then 0.05 s": Scene(
        "ModelServerSlowTokens",
        [
            *histogram(
                "vllm:inter_token_latency_seconds",
                le_0_1="0x20 6000+6000x20",
                le_0_5="0x20 6000+6000x20",
                le_0_75="0+6000x41",
            ),
            series(f"{FIRST_TOKENS}_count", ENGINE, "0+60x41"),
        ],
        quiet_min=(8, 40),
        firing_min=14,
        labels=MODEL,
        description=(
            "One in a hundred tokens of mixtral in m comes 747.5ms or longer after the one before."
        ),
    ),
    "requests run and no step ends, then it goes on": Scene(
        "ModelServerEngineStalled",
        [
            series("vllm:num_requests_waiting", ENGINE, "3x30"),
            series("vllm:num_requests_running", ENGINE, "2x30"),
            series("vllm:iteration_tokens_total_count", ENGINE, "0+60x5 300x10 300+60x15"),
        ],
        quiet_min=(4, 7, 20),
        firing_min=12,
        labels=ENGINE,
        description=(
            "m/p (mixtral) holds 5 requests and has finished no engine step for two minutes or"
            " longer."
        ),
    ),
    "requests wait for an engine that never begins one": Scene(
        "ModelServerEngineStalled",
        [
            series("vllm:num_requests_waiting", ENGINE, "3x30"),
            series("vllm:num_requests_running", ENGINE, "0x30"),
            series("vllm:iteration_tokens_total_count", ENGINE, "0x30"),
        ],
        quiet_min=(2,),
        firing_min=5,
        labels=ENGINE,
        description=(
            "m/p (mixtral) holds 3 requests and has finished no engine step for two minutes or"
            " longer."
        ),
    ),
    "one of two ranks stalls": Scene(
        "ModelServerEngineStalled",
        [
            series(name, {**POD, "engine": rank}, values)
            for rank, steps in (("0", "0+60x30"), ("1", "300x30"))
            for name, values in (
                ("vllm:num_requests_waiting", "1x30"),
                ("vllm:num_requests_running", "0x30"),
                ("vllm:iteration_tokens_total_count", steps),
            )
        ],
        quiet_min=(2,),
        firing_min=5,
        labels={**POD, "engine": "1"},
        description=(
            "m/p (mixtral) holds 1 requests and has finished no engine step for two minutes or"
            " longer."
        ),
    ),
    "idle is not stalled": Scene(
        "ModelServerEngineStalled",
        [
            series("vllm:num_requests_waiting", POD, "0x30"),
            series("vllm:num_requests_running", POD, "0x30"),
            series("vllm:iteration_tokens_total_count", POD, "300x30"),
        ],
        quiet_min=(10, 20),
    ),
    "one request in ten fails, then none": Scene(
        "ModelServerRequestErrors",
        [
            series(ENDED, {**ENGINE, "finished_reason": "stop"}, "0+54x30"),
            series(ENDED, {**ENGINE, "finished_reason": "error"}, "0+6x15 90x15"),
        ],
        quiet_min=(4, 25),
        firing_min=10,
        labels=MODEL,
        description="10% of the requests to mixtral in m end with an error.",
    ),
    "one request in twenty fails": Scene(
        "ModelServerRequestErrors",
        [
            series(ENDED, {**ENGINE, "finished_reason": "stop"}, "0+57x30"),
            series(ENDED, {**ENGINE, "finished_reason": "error"}, "0+3x30"),
        ],
        quiet_min=(10, 20, 30),
    ),
    "one request an hour fails, and it was the only one": Scene(
        "ModelServerRequestErrors",
        [
            series(ENDED, {**ENGINE, "finished_reason": "stop"}, "0x30"),
            series(ENDED, {**ENGINE, "finished_reason": "error"}, "0x5 1x25"),
        ],
        quiet_min=(6, 8, 15),
    ),
    "a quarter is refused, then nothing": Scene(
        "ModelServerRejectsRequests",
        [
            series(ENDED, {**ENGINE, "finished_reason": "stop"}, "0+60x30"),
            series(
                REFUSED, {**MODEL, "pod": "p", "reason": "max_num_queued_reqs"}, "0+20x15 300x15"
            ),
        ],
        quiet_min=(4, 25),
        firing_min=10,
        labels=MODEL,
        description=(
            "25% of the requests to mixtral in m get HTTP 503: its engines have as many as they"
            " may."
        ),
    ),
    "all are refused": Scene(
        "ModelServerRejectsRequests",
        [
            series(ENDED, {**ENGINE, "finished_reason": "stop"}, "0x30"),
            series(REFUSED, {**MODEL, "pod": "p", "reason": "max_num_queued_reqs"}, "0+60x30"),
        ],
        quiet_min=(4,),
        firing_min=10,
        labels=MODEL,
        description=(
            "100% of the requests to mixtral in m get HTTP 503: its engines have as many as they"
            " may."
        ),
    ),
    "one in thirty is refused": Scene(
        "ModelServerRejectsRequests",
        [
            series(ENDED, {**ENGINE, "finished_reason": "stop"}, "0+58x30"),
            series(REFUSED, {**MODEL, "pod": "p", "reason": "max_num_queued_reqs"}, "0+2x30"),
        ],
        quiet_min=(10, 20),
    ),
    "ready, and the scrape fails, then works": Scene(
        "ModelServerNotScraped",
        [
            series("kube_pod_status_ready", {**LEADER, "condition": "true"}, "1x30"),
            series("up", SCRAPED, "0x10 1x20"),
        ],
        quiet_min=(4, 12),
        firing_min=6,
        labels=LEADER,
        description=(
            "m/mixtral-group-0 answers its probe, and Prometheus does not scrape it or gets no"
            " answer: its other alerts cannot fire."
        ),
    ),
    "ready, and no target": Scene(
        "ModelServerNotScraped",
        [
            series("kube_pod_status_ready", {**LEADER, "condition": "true"}, "1x30"),
            series("up", {**SCRAPED, "pod": "mixtral-group-1"}, "1x30"),
        ],
        quiet_min=(4,),
        firing_min=6,
        labels=LEADER,
        description=(
            "m/mixtral-group-0 answers its probe, and Prometheus does not scrape it or gets no"
            " answer: its other alerts cannot fire."
        ),
    ),
    "an engine that still starts, and a worker, have no metrics": Scene(
        "ModelServerNotScraped",
        [
            series("kube_pod_status_ready", {**LEADER, "condition": "true"}, "0x30"),
            series("up", SCRAPED, "0x30"),
            series(
                "kube_pod_status_ready",
                {"namespace": "m", "pod": "mixtral-group-0-1", "condition": "true"},
                "1x30",
            ),
        ],
        quiet_min=(6, 20),
    ),
    "the next rename, then the rules follow": Scene(
        "ModelServerMetricsMissing",
        [
            series("up", SCRAPED, "1x40"),
            series("vllm:kv_cache_usage_perc", {**SCRAPED, **ENGINE, **LEADER}, "_x20 0.1x20"),
            *(
                series(name, {**SCRAPED, **ENGINE, **LEADER}, "1x40")
                for name in (
                    "vllm:admission_rejections_total",
                    "vllm:inter_token_latency_seconds_bucket",
                    "vllm:iteration_tokens_total_count",
                    "vllm:num_preemptions_total",
                    "vllm:num_requests_running",
                    "vllm:num_requests_waiting",
                    "vllm:request_queue_time_seconds_bucket",
                    "vllm:request_success_total",
                    "vllm:time_to_first_token_seconds_bucket",
                    "vllm:time_to_first_token_seconds_count",
                )
            ),
        ],
        quiet_min=(9, 25),
        firing_min=12,
        labels={**LEADER, "metric": "vllm:kv_cache_usage_perc"},
        description=(
            "m/mixtral-group-0 is scraped and has no vllm:kv_cache_usage_perc: alerts that read it"
            " cannot fire."
        ),
    ),
    "an engine that is down misses nothing": Scene(
        "ModelServerMetricsMissing", [series("up", SCRAPED, "0x40")], quiet_min=(12, 30)
    ),
}
