"""Alerts and recordings from tokens per expert; the model of the scenes has eight experts."""

from catalog.alerts.scenes.scene import Scene, series

MODEL = {"namespace": "m", "model_name": "mixtral"}
POD = {"namespace": "m", "pod": "p"}
JOB = {**POD, "job": "m/mixtral-experts"}
PLUGIN = {**POD, "model_name": "mixtral", "pp_rank": "0", "dp_rank": "0"}


def tokens(expert: int, values: str, *, pod: str = "p", dp_rank: int = 0) -> dict[str, str]:
    labels = {**MODEL, "pod": pod, "layer": "3", "expert": str(expert), "pp_rank": "0"}
    return series("moe_expert_tokens_total", {**labels, "dp_rank": str(dp_rank)}, values)


def layer(first: str, others: str = "0+6000x120") -> list[dict[str, str]]:
    """Counters of one layer: those of expert 0, and those of each of the other seven."""
    return [tokens(0, first), *(tokens(each, others) for each in range(1, 8))]


SCENES = {
    "one expert with 3 of 8 tokens, then even": Scene(
        "ExpertHot",
        # 25,200 a minute beside 42,000: 0.375 of all, three times an eighth.
        layer("0+25200x60 1518000+6000x60"),
        quiet_min=(10, 75),
        firing_min=20,
        labels={**MODEL, "layer": "3", "expert": "0"},
        description=(
            "Expert 0 in layer 3 of mixtral in m gets 3.0 times an even share of the tokens."
        ),
    ),
    "twice an even share is not hot": Scene("ExpertHot", layer("0+14000x120"), quiet_min=(30, 60)),
    "two pods and two ranks that are hot for different experts are even together": Scene(
        "ExpertHot",
        [
            tokens(each, "0+60000x60" if each == hot else "0+6000x60", pod=pod, dp_rank=rank)
            for each in range(8)
            for hot, pod, rank in (
                (0, "a", 0),
                (1, "a", 1),
                (2, "b", 0),
                (3, "b", 1),
                (4, "c", 0),
                (5, "c", 1),
                (6, "d", 0),
                (7, "d", 1),
            )
        ],
        quiet_min=(30, 60),
    ),
    "hot with hardly any traffic": Scene(
        "ExpertHot", layer("0+252x60", others="0+60x60"), quiet_min=(30, 60)
    ),
    "an expert without tokens, then with some": Scene(
        "ExpertDead",
        layer("0x90 0+6000x40"),
        quiet_min=(50, 110),
        firing_min=75,
        labels={**MODEL, "layer": "3", "expert": "0"},
        description=(
            "Expert 0 in layer 3 of mixtral in m gets 0.00 times an even share of the tokens."
        ),
    ),
    "no traffic is no dead expert": Scene(
        "ExpertDead", layer("0x120", others="0x120"), quiet_min=(80, 110)
    ),
    "a layer that is not bound, then is": Scene(
        "ExpertMetricsUnbound",
        [
            series("moe_expert_metrics_layers", PLUGIN, "32x40"),
            series("moe_expert_metrics_bound_layers", PLUGIN, "31x20 32x20"),
        ],
        quiet_min=(9, 25),
        firing_min=15,
        labels=POD,
        description=(
            "The plugin in m/p found no MoE layer, or does not count all that it found (1 layers):"
            " no hot or dead expert shows there."
        ),
    ),
    "no layer found": Scene(
        "ExpertMetricsUnbound",
        [
            series("moe_expert_metrics_layers", PLUGIN, "0x40"),
            series("moe_expert_metrics_bound_layers", PLUGIN, "0x40"),
        ],
        quiet_min=(9,),
        firing_min=15,
        labels=POD,
        description=(
            "The plugin in m/p found no MoE layer, or does not count all that it found (0 layers):"
            " no hot or dead expert shows there."
        ),
    ),
    "a rank that leaves its tokens to the first one": Scene(
        "ExpertMetricsUnbound",
        [
            series(name, {**PLUGIN, "dp_rank": rank}, f"{layers}x40")
            for rank, layers in (("0", 32), ("1", 0))
            for name in ("moe_expert_metrics_layers", "moe_expert_metrics_bound_layers")
        ],
        quiet_min=(15, 30),
    ),
    "copies stop, then go on": Scene(
        "ExpertMetricsStale",
        [series("moe_expert_metrics_copy_age_seconds", PLUGIN, "10x5 60+60x10 10x10")],
        quiet_min=(5, 11, 18),
        firing_min=14,
        labels=POD,
        description="m/p shows counts that are 9m 0s old.",
    ),
    "its port answers nothing, then does": Scene(
        "ExpertMetricsAbsent",
        [series("up", JOB, "0x50 1x20"), series("kube_pod_created", POD, "0x70")],
        # 30 minutes to start, ten to be sure.
        quiet_min=(30, 40, 55),
        firing_min=45,
        labels=POD,
        description=(
            "m/p has had its time to start and exports no tokens per expert: the plugin is off, or"
            " Prometheus does not ask."
        ),
    ),
    "nobody asks its port": Scene(
        "ExpertMetricsAbsent",
        [series("vllm:kv_cache_usage_perc", {**POD, "engine": "0"}, "0.1x30")],
        quiet_min=(9,),
        firing_min=12,
        labels=POD,
        description=(
            "m/p has had its time to start and exports no tokens per expert: the plugin is off, or"
            " Prometheus does not ask."
        ),
    ),
}
