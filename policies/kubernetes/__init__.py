"""Reads workloads and what the cluster makes of them."""
