"""What an image needs so that NCCL inside it talks through EFA.

vLLM's own image has no libfabric and no aws-ofi-nccl: NCCL then falls back to TCP without
a word, at a small part of the bandwidth (vllm#55635). vLLM's docker/Dockerfile.efa adds both.
"""

STOCK_IMAGE = "vllm/vllm-openai"
LEAST_INSTALLER = (1, 29, 0)
"""Before it aws-ofi-nccl cannot load into NCCL 2.19 and later (aws-ofi-nccl#584)."""

INSTALLER_ANNOTATION = "moe-serving/efa-installer"
"""On the pods of an engine across nodes: the version that its image was built with."""

PROVIDER_PATH = "/opt/amazon/efa/bin/fi_info"
PLUGIN_PATH = "/opt/amazon/ofi-nccl/lib/libnccl-net-ofi.so"
"""Files that Dockerfile.efa checks too; a container that has them can use EFA."""

ALLOWED = (
    "an image with EFA userspace, built with vLLM's docker/Dockerfile.efa, in a repository of"
    " your own"
)


def is_stock(image: str) -> bool:
    """Whether `image` is vLLM's own, also as a copy in another registry under the same name."""
    path, _, last = image.partition("@")[0].rpartition("/")
    name = f"{path}/{last.partition(':')[0]}"
    return name == STOCK_IMAGE or name.endswith(f"/{STOCK_IMAGE}")


def refusal_of_installer(version: str | None) -> str | None:
    """What would be allowed in place of `version`, 1.2.3; None where it is new enough."""
    least = ".".join(map(str, LEAST_INSTALLER))
    allowed = f"{least} or later, the EFA installer in the image, where an engine spans nodes"
    try:
        parts = tuple(int(part) for part in (version or "").split("."))
    except ValueError:
        return allowed
    return None if parts >= LEAST_INSTALLER else allowed
