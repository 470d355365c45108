"""What `moe check` finds out about a change before it is merged, and how it tells."""
