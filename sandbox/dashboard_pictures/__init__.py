"""Pictures of the dashboards for the docs: their own queries, asked of a real Prometheus.

`python -m sandbox.dashboard_pictures` writes docs/images/dashboard-*.png. Grafana itself cannot be
had from a package registry, so the drawing is ours and says so.
"""
