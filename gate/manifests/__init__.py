"""The pack over plain Kubernetes manifests, with no engine and no cluster."""
