"""What the EFA devices of a node have sent, received and lost, for Prometheus."""
