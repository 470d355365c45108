"""Where an EKS cluster is: at the sandbox's own API server, not at a name that moto draws."""

from moto.eks import models


def answer_with(kube_server: str) -> None:
    """Every cluster has `kube_server` as its endpoint, also those of an earlier start."""
    endpoint = property(lambda _: kube_server, lambda _, __: None)
    models.Cluster.endpoint = endpoint  # type: ignore[assignment]
    # moto draws it when it is imported, so each start would have another.
    models.ISSUER_TEMPLATE = "https://oidc.eks.{region}.amazonaws.com/id/SANDBOX"
