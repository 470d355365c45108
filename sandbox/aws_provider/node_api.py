"""The Kubernetes calls that a node group's nodes need."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from sandbox.control_plane.kube_api import NOT_FOUND, KubeApi, KubeApiError

CONFLICT = 409


class NodeApi(KubeApi):
    """Node objects by label and by name."""

    def list_nodes(self, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        selector = ",".join(f"{name}={value}" for name, value in labels.items())
        return self.items(f"/api/v1/nodes?{urlencode({'labelSelector': selector})}")

    def create_node(self, node: Mapping[str, Any]) -> bool:
        """Make a node; False where one of that name is there already."""
        try:
            self.request("POST", "/api/v1/nodes", node)
        except KubeApiError as error:
            if error.status == CONFLICT:
                return False
            raise
        return True

    def replace_node(self, node: Mapping[str, Any]) -> None:
        self.request("PUT", f"/api/v1/nodes/{quote(node['metadata']['name'])}", node)

    def delete_node(self, name: str) -> None:
        """Delete a node; one that is gone already is fine."""
        try:
            self.request("DELETE", f"/api/v1/nodes/{quote(name)}")
        except KubeApiError as error:
            if error.status != NOT_FOUND:
                raise
