"""Becomes an operator's process as soon as the operator's Deployment is there.

Its chart brings the kinds that it watches, its rights and its Deployment, in this order; an
operator that is started before gives up for want of the kinds.
"""

import os
import sys
import time
from pathlib import Path

from sandbox.control_plane.kube_api import KubeApi, KubeApiError

POLL_SECONDS = 0.5


def main() -> None:
    """Arguments: the administrator's kubeconfig, `<namespace>/<deployment>`, the command."""
    kubeconfig, deployment, *command = sys.argv[1:]
    namespace, name = deployment.split("/")
    kube = KubeApi(Path(kubeconfig))
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
    while not _is_there(kube, path):
        time.sleep(POLL_SECONDS)
    # The same process id: its record, its log and whoever ends it need not know.
    os.execv(command[0], command)  # noqa: S606


def _is_there(kube: KubeApi, path: str) -> bool:
    try:
        kube.request("GET", path)
    except KubeApiError:
        return False
    return True


if __name__ == "__main__":
    main()
