"""Capacity: from traffic to replicas, nodes and cost (`moe plan`)."""
