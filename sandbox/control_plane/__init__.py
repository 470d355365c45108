"""A Kubernetes control plane that stands for EKS: its processes, keys, and the way to log in."""
