"""What the plugin is told by its environment; read by those who deploy it too."""

PORT_VARIABLE = "MOE_EXPERT_METRICS_PORT"
"""Of data parallel rank 0; each further rank of a pod takes the next one."""
MODEL_NAME_VARIABLE = "MOE_EXPERT_METRICS_MODEL_NAME"
"""Label of all series; workers on other nodes are not told the name that is served."""
DEFAULT_PORT = 9500
