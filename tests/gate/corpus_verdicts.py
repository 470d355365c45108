"""Why a reviewer agrees with each kind of finding that the pack has over the corpus.

A kind is the policy and what was found. The corpus fails on a kind that nobody has judged.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gate.report import Item


@dataclass(frozen=True, slots=True)
class Verdict:
    """`found` is matched with what the message says was found."""

    policy: str
    found: str
    why: str

    def is_about(self, item: Item) -> bool:
        said = item.message.partition(": found ")[2] or item.message.partition(": ")[2]
        return item.rule == self.policy and re.match(self.found, said) is not None


VERDICTS = (
    Verdict(
        "kubernetes-container-image-pinned",
        "image ",
        "Examples and charts name images by tag, so that the reader gets the newest. In production"
        " a tag that moves changes what runs without a change in the repository. A chart takes the"
        " digest by its values.",
    ),
    Verdict(
        "kubernetes-workload-known",
        "the pods of ",
        "RayCluster, JobSet, InferenceService and others make pods whose containers no policy"
        " reads. It refuses with `--strict` alone.",
    ),
    Verdict(
        "kubernetes-workload-not-privileged",
        "securityContext.privileged|hostPID|hostIPC|hostNetwork|volume",
        "Drivers, CNI plugins, node exporters and tests of the node own the node by their purpose."
        " Such a workload should be few, and named: in the policy's `exempt`, or by a waiver.",
    ),
    Verdict(
        "kubernetes-llm-server-locked-down",
        "runAsUser|securityContext.allowPrivilegeEscalation",
        "Pods with GPUs that run as root, or may become it, on nodes that many share.",
    ),
    Verdict(
        "kubernetes-llm-server-locked-down",
        "volume .* which is /dev/shm of the node",
        "The shared memory of all processes of the node, where a volume in memory would do.",
    ),
    Verdict(
        "kubernetes-llm-server-shared-memory",
        "--tensor-parallel-size <|volume .* at /dev/shm, which is not in memory",
        "The same: nothing counts or bounds what the server takes there. (And one placeholder.)",
    ),
    Verdict(
        "kubernetes-llm-server-gpu-memory-utilization",
        "--gpu-memory-utilization 0.4",
        "A sample that has to run on small GPUs; more than half of a larger one would idle.",
    ),
    Verdict(
        "kubernetes-llm-server-gpu-limits",
        "--tensor-parallel-size <|limit nvidia.com/gpu <",
        "A placeholder in a page, which the reader is to replace.",
    ),
    Verdict(
        "kubernetes-llm-server-memory-limit",
        "memory request 6G",
        "A request of 6G below a limit of 20G: the node may be short of what loading takes.",
    ),
    Verdict(
        "kubernetes-llm-server-startup-budget",
        "a liveness probe without a startup probe",
        "A first start that takes longer than the liveness probe waits is killed, for ever.",
    ),
    Verdict(
        "kubernetes-llm-server-drains",
        "servers with GPUs that no PodDisruptionBudget",
        "A drain of nodes may end all replicas of the example at once.",
    ),
    Verdict(
        "kubernetes-llm-server-drains",
        "no preStop hook|no --shutdown-timeout",
        "Requests that run are aborted at every rollout.",
    ),
    Verdict(
        "kubernetes-llm-server-drains",
        "maxSurge",
        "The rollout waits for GPUs that the old pod holds, where none are spare.",
    ),
    Verdict(
        "kubernetes-llm-server-memory-limit",
        "memory limit nothing",
        "Loading weights takes tens of GiB of host memory, and nothing bounds it.",
    ),
    Verdict(
        "kubernetes-llm-server-service-links",
        "enableServiceLinks",
        "A Service called vllm breaks the server by its variable VLLM_PORT.",
    ),
    Verdict(
        "kubernetes-llm-server-startup-budget",
        "a startup probe of 602 seconds",
        "Contested: 602 s are enough for an 8B model from a fast hub. The policy knows no size of"
        " a model outside the catalogue, and asks for the least that it asks of any. More costs"
        " nothing, as the probe ends when the server is ready; `minSeconds` sets less.",
    ),
    Verdict(
        "kubernetes-llm-engine-across-nodes",
        "annotation|limit vpc.amazonaws.com/efa|limit hugepages-2Mi|image",
        "True on EKS, for which the pack is: without EFA the nodes of one engine talk over TCP. On"
        " other clouds the policy is to be disabled.",
    ),
    Verdict(
        "kubernetes-llm-engine-across-nodes",
        "pods of an engine across nodes that no NetworkPolicy",
        "Ray and the engines' own ports run code for whoever reaches them.",
    ),
    Verdict(
        "kubernetes-container-no-plain-secrets",
        "variable .* with a value that is a (?:secret|URL)",
        "Passwords of samples and tests, in the manifest: who copies the sample copies them.",
    ),
    Verdict(
        "kubernetes-config-map-no-secrets",
        "entry key.pem that has a private key",
        "A test's private key in a ConfigMap of its chart.",
    ),
)


def verdict_of(item: Item) -> Verdict | None:
    return next((each for each in VERDICTS if each.is_about(item)), None)


def unjudged(items: Iterable[Item]) -> list[Item]:
    return [item for item in items if verdict_of(item) is None]
