"""What settings and policies say of a model that does not fit."""

from catalog.memory_fit import MOST_NODES_ADVISED, MemoryFit, what_would_fit


def shares(fit: MemoryFit) -> str:
    """What the memory of one GPU would go to."""
    return (
        f"weights {fit.weights_gib:.1f}, activations and graphs {fit.overhead_gib:.1f}, KV cache of"
        f" {fit.min_sequences_per_rank} x {fit.max_model_len} tokens"
    )


def fixes(
    fit: MemoryFit, gpu_memory_utilization: float, *, most_nodes: int = MOST_NODES_ADVISED
) -> str:
    """Each of them would make it fit."""
    found = what_would_fit(fit, gpu_memory_utilization, most_nodes=most_nodes)
    return "; or ".join(found) or "nothing in the catalogue"
