"""Tokens per expert, as the plugin of `expert_metrics/` exports them."""

from sandbox.monitoring.series import Sample


def expert_samples(
    model_name: str, layers: int, shares: tuple[float, ...], tokens: float
) -> list[Sample]:
    """`tokens` assignments to experts in each layer, of which each expert got its share.

    Layers differ by a few percent, as routers do.
    """
    labels = {"model_name": model_name, "pp_rank": "0", "dp_rank": "0"}
    return [
        *(
            Sample(
                "moe_expert_tokens_total",
                {**labels, "layer": str(layer), "expert": str(expert)},
                tokens * share,
                "counter",
            )
            for layer in range(layers)
            for expert, share in enumerate(_turned(shares, layer))
        ),
        Sample("moe_expert_metrics_layers", labels, float(layers)),
        Sample("moe_expert_metrics_bound_layers", labels, float(layers)),
        Sample("moe_expert_metrics_copy_age_seconds", labels, 5.0),
    ]


def _turned(shares: tuple[float, ...], layer: int) -> list[float]:
    uneven = [
        share * (1 + 0.08 * ((layer + 3 * expert) % 5 - 2) / 2)
        for expert, share in enumerate(shares)
    ]
    return [share / sum(uneven) for share in uneven]
