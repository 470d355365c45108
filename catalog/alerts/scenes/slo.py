"""Burn rates: what is recorded, and when somebody is woken up."""

from catalog.alerts.scenes.scene import Scene, counter, series

MODEL = {"namespace": "m", "model_name": "mixtral"}
POD = {**MODEL, "pod": "p", "engine": "0"}

FIRST_TOKENS = "vllm:time_to_first_token_seconds"
ENDED = "vllm:request_success_total"
REFUSED = "vllm:admission_rejections_total"


def first_tokens(every: str, in_time: str, le: str = "2.5") -> list[dict[str, str]]:
    return [
        series(f"{FIRST_TOKENS}_count", POD, every),
        series(f"{FIRST_TOKENS}_bucket", {**POD, "le": le}, in_time),
    ]


def requests(good: str, errors: str, refused: str | None = None) -> list[dict[str, str]]:
    """Of two engines, of which the second is idle; without refusals that series is not there."""
    refusals = (
        []
        if refused is None
        else [series(REFUSED, {**POD, "reason": "max_num_queued_reqs"}, refused)]
    )
    return [
        series(ENDED, {**POD, "finished_reason": "stop"}, good),
        series(ENDED, {**POD, "finished_reason": "error"}, errors),
        series(ENDED, {**POD, "pod": "q", "finished_reason": "stop"}, "0x2000"),
        *refusals,
    ]


SCENES = {
    "all first tokens are late for an hour after six good ones, then none": Scene(
        "FirstTokenSLOBurnsFast",
        first_tokens(counter((60, 500)), counter((60, 360), (0, 60), (60, 80))),
        # 72 % of an hour; the short windows end it soon.
        quiet_min=(360, 401, 430, 480),
        firing_min=410,
        labels=MODEL,
        description=(
            "84.75% of the requests to mixtral in m had no token within 2.5 s in the last hour or"
            " six; 5% may."
        ),
    ),
    "two in five first tokens are late for hours, then none": Scene(
        "FirstTokenSLOBurnsFast",
        first_tokens(counter((60, 800)), counter((36, 600), (60, 200))),
        quiet_min=(1, 625),
        firing_min=420,
        labels=MODEL,
        description=(
            "40% of the requests to mixtral in m had no token within 2.5 s in the last hour or"
            " six; 5% may."
        ),
    ),
    "a fifth of the first tokens is late for hours, which wakes nobody": Scene(
        "FirstTokenSLOBurnsFast",
        first_tokens(counter((60, 800)), counter((48, 800))),
        quiet_min=(60, 420, 800),
    ),
    "every request is late, and there is one in two minutes": Scene(
        "FirstTokenSLOBurnsFast",
        first_tokens(counter((0.5, 800)), "0x800"),
        quiet_min=(60, 420, 800),
    ),
    "a fifth of the first tokens is late for four hours, then none": Scene(
        "FirstTokenSLOBurnsSlowly",
        first_tokens(counter((300, 200)), counter((240, 48), (300, 152))),
        quiet_min=(10, 540, 900),
        firing_min=60,
        labels=MODEL,
        description=(
            "20% of the requests to mixtral in m had no token within 2.5 s in the last one or"
            " three days; 5% may."
        ),
        step_min=5,
    ),
    "as many first tokens are late as may be": Scene(
        "FirstTokenSLOBurnsSlowly",
        first_tokens(counter((300, 300)), counter((286, 300))),
        quiet_min=(60, 700, 1490),
        step_min=5,
    ),
    "one request in fifty fails for an hour after six good ones, then none": Scene(
        "AvailabilitySLOBurnsFast",
        requests(counter((100, 360), (98, 60), (100, 80)), counter((0, 360), (2, 60), (0, 80))),
        quiet_min=(360, 401, 430, 480),
        firing_min=410,
        labels=MODEL,
        description=(
            "1.667% of the requests to mixtral in m failed or were refused in the last hour or six;"
            " 0.1% may."
        ),
    ),
    "every request is refused": Scene(
        "AvailabilitySLOBurnsFast",
        requests("0x100", "0x100", counter((60, 100))),
        quiet_min=(1,),
        firing_min=20,
        labels=MODEL,
        description=(
            "100% of the requests to mixtral in m failed or were refused in the last hour or six;"
            " 0.1% may."
        ),
    ),
    "one in two hundred is refused for four hours, then none": Scene(
        "AvailabilitySLOBurnsSlowly",
        requests(counter((199, 200)), "0x200", counter((1, 48), (0, 152))),
        quiet_min=(10, 700),
        firing_min=60,
        labels=MODEL,
        description=(
            "0.5% of the requests to mixtral in m failed or were refused in the last one or three"
            " days; 0.1% may."
        ),
        step_min=5,
    ),
    "one in ten thousand fails": Scene(
        "AvailabilitySLOBurnsSlowly",
        requests(counter((9999, 300)), counter((1, 300))),
        quiet_min=(60, 700, 1490),
        step_min=5,
    ),
}
