"""What a vLLM server exports.

Names, labels and bucket edges are those of vLLM 0.33 (`vllm/v1/metrics/loggers.py`).
"""

from dataclasses import dataclass

from sandbox.monitoring.series import Labels, Sample, Spread, histogram

_TTFT_EDGES_S = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75),
    *(1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560),
)
_TOKEN_EDGES_S = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75),
    *(1, 2.5, 5, 7.5, 10, 20, 40, 80),
)
_REQUEST_EDGES_S = (
    *(0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60),
    *(120, 240, 480, 960, 1920, 7680),
)
_LENGTH_EDGES = tuple(digit * 10**power for power in range(5) for digit in (1, 2, 5))
_STEP_EDGES = tuple(2**power for power in (0, *range(3, 15)))


@dataclass(frozen=True, slots=True)
class Load:
    """What one engine does: rates per second, levels, and how long things take.

    `error_ratio` is the share of requests that end with an error. `steps_per_s` is 0 in an engine
    that hangs.
    """

    requests_per_s: float
    running: float
    waiting: float
    kv_cache_usage_ratio: float
    time_to_first_token_s: Spread
    inter_token_latency_s: Spread
    queue_time_s: Spread
    prompt_tokens: Spread
    generated_tokens: Spread
    steps_per_s: float
    error_ratio: float = 0.0
    preemptions_per_s: float = 0.0
    rejections_per_s: float = 0.0

    @property
    def tokens_per_s(self) -> float:
        """Tokens that an engine works on, of prompts and of answers."""
        return self.requests_per_s * (self.prompt_tokens.mean + self.generated_tokens.mean)


CALM = Load(
    requests_per_s=2,
    running=12,
    waiting=0,
    kv_cache_usage_ratio=0.25,
    time_to_first_token_s=Spread(0.12, 0.4),
    inter_token_latency_s=Spread(0.018, 0.045),
    queue_time_s=Spread(0.01, 0.2),
    prompt_tokens=Spread(600, 6000),
    generated_tokens=Spread(180, 900),
    steps_per_s=30,
)


def engine_samples(model_name: str, load: Load, active_s: float, level: float) -> list[Sample]:
    """An engine that has been under `load` for `active_s` seconds; gauges are scaled by `level`."""
    labels = {"model_name": model_name, "engine": "0"}
    return [
        *_gauges(labels, load, level),
        *_counters(labels, load, active_s),
        *_histograms(labels, load, active_s),
    ]


def _gauges(labels: Labels, load: Load, level: float) -> list[Sample]:
    waiting = float(round(load.waiting * level))
    cache = {"engine": "0", "block_size": "16", "num_gpu_blocks": "96000", "cache_dtype": "auto"}
    return [
        Sample("vllm:num_requests_running", labels, float(round(load.running * level))),
        Sample("vllm:num_requests_waiting", labels, waiting),
        *(
            Sample("vllm:num_requests_waiting_by_reason", {**labels, "reason": reason}, value)
            for reason, value in (("capacity", waiting), ("deferred", 0.0))
        ),
        Sample("vllm:kv_cache_usage_perc", labels, min(load.kv_cache_usage_ratio * level, 1.0)),
        *(
            Sample("vllm:engine_sleep_state", {**labels, "sleep_state": state}, value)
            for state, value in (("awake", 1.0), ("weights_offloaded", 0.0), ("discard_all", 0.0))
        ),
        Sample("vllm:cache_config_info", cache, 1.0),
    ]


def _counters(labels: Labels, load: Load, active_s: float) -> list[Sample]:
    requests = load.requests_per_s * active_s
    prompt = requests * load.prompt_tokens.mean
    generated = requests * load.generated_tokens.mean
    good = requests * (1 - load.error_ratio)
    ends = {
        "stop": 0.9 * good,
        "length": 0.1 * good,
        "abort": 0.0,
        "error": requests * load.error_ratio,
        "repetition": 0.0,
    }
    return [
        _counter("vllm:prompt_tokens_total", labels, prompt),
        _counter("vllm:generation_tokens_total", labels, generated),
        _counter("vllm:prompt_tokens_cached_total", labels, 0.3 * prompt),
        _counter("vllm:prefix_cache_queries_total", labels, prompt),
        _counter("vllm:prefix_cache_hits_total", labels, 0.3 * prompt),
        _counter("vllm:num_preemptions_total", labels, load.preemptions_per_s * active_s),
        *(
            _counter("vllm:request_success_total", {**labels, "finished_reason": reason}, value)
            for reason, value in ends.items()
        ),
        _counter(
            "vllm:admission_rejections_total",
            # Counted before a request has an engine.
            {"model_name": labels["model_name"], "reason": "max_num_queued_reqs"},
            load.rejections_per_s * active_s,
        ),
    ]


def _counter(name: str, labels: Labels, value: float) -> Sample:
    return Sample(name, labels, value, "counter")


def _histograms(labels: Labels, load: Load, active_s: float) -> list[Sample]:
    requests = load.requests_per_s * active_s
    generated = load.generated_tokens
    token = load.inter_token_latency_s
    # A request decodes for as long as its tokens take, one after the other.
    decode = Spread(token.median * generated.median, token.p99 * generated.p99)
    first, queue = load.time_to_first_token_s, load.queue_time_s
    whole = Spread(first.median + decode.median, first.p99 + decode.p99)
    per_request = (
        ("time_to_first_token_seconds", _TTFT_EDGES_S, first),
        ("request_time_per_output_token_seconds", _TOKEN_EDGES_S, token),
        ("e2e_request_latency_seconds", _REQUEST_EDGES_S, whole),
        ("request_queue_time_seconds", _REQUEST_EDGES_S, queue),
        ("request_prefill_time_seconds", _REQUEST_EDGES_S, first),
        ("request_decode_time_seconds", _REQUEST_EDGES_S, decode),
        ("request_inference_time_seconds", _REQUEST_EDGES_S, whole),
        ("request_prompt_tokens", _LENGTH_EDGES, load.prompt_tokens),
        ("request_generation_tokens", _LENGTH_EDGES, generated),
    )
    tokens_a_step = Spread(16, 4096)
    return [
        *(
            sample
            for name, edges, spread in per_request
            for sample in histogram(f"vllm:{name}", labels, edges, requests, spread)
        ),
        *histogram(
            "vllm:inter_token_latency_seconds",
            labels,
            _TOKEN_EDGES_S,
            requests * generated.mean,
            token,
        ),
        *histogram(
            "vllm:iteration_tokens_total",
            labels,
            _STEP_EDGES,
            load.steps_per_s * active_s,
            tokens_a_step,
        ),
    ]
