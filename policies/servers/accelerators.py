"""Whether a server is for NVIDIA GPUs at all: policies of GPUs have nothing to say of others.

Their resources are those of the vendors' device plugins; vLLM's images for other hardware say so
in their name (vllm-cpu-release-repo, vllm-tpu, vllm-openai-rocm).
https://docs.vllm.ai/en/latest/getting_started/installation/
"""

import re
from collections.abc import Mapping
from typing import Any

from catalog.gpu_nodes import GPU_RESOURCE
from policies.reading import child

_OTHERS = re.compile(
    r"amd\.com/gpu|aws\.amazon\.com/neuron\w*|google\.com/tpu|gpu\.intel\.com/\w+"
    r"|habana\.ai/\w+|huawei\.com/Ascend\w*"
)
_IMAGE = re.compile(r"(?:.*[-_/])?(?:cpu|gaudi|hpu|neuron|rocm|tpu|xpu)(?:[-_:@].*)?")


def is_for_other_hardware(container: Mapping[str, Any]) -> bool:
    """Who asks for an NVIDIA GPU is not, whatever else is said. Raises UnknownValueError."""
    asked = [child(container, "resources", of) for of in ("limits", "requests")]
    names = {str(name) for each in asked if isinstance(each, Mapping) for name in each}
    if GPU_RESOURCE in names:
        return False
    image = child(container, "image")
    return any(map(_OTHERS.fullmatch, names)) or (
        isinstance(image, str) and _IMAGE.fullmatch(image.rsplit("/", 1)[-1].lower()) is not None
    )
