"""Pulumi components: one file, one component, its arguments and its outputs."""
