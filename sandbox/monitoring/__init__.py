"""Prometheus in the sandbox: the deployed rules, against a cluster that is played in scenes."""
