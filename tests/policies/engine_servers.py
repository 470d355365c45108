"""Servers of other engines than vLLM, as their own documentation declares them."""

from typing import Any

from tests.policies.engine_input import DIGEST, GPU, MIXTRAL

TGI_IMAGE = f"ghcr.io/huggingface/text-generation-inference@{DIGEST}"
SGLANG_IMAGE = f"lmsysorg/sglang@{DIGEST}"
TENSORRT_LLM_IMAGE = f"nvcr.io/nvidia/tensorrt-llm/release@{DIGEST}"
TRITON_IMAGE = f"nvcr.io/nvidia/tritonserver:26.09-trtllm-python-py3@{DIGEST}"


def _container(name: str, image: str, gpus: Any, memory: Any, **fields: Any) -> dict[str, Any]:
    limits = {GPU: gpus, "memory": memory}
    return {
        "name": name,
        "image": image,
        "resources": {"limits": limits, "requests": limits},
        "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],
        **fields,
    }


def tgi(
    *flags: Any, model: Any = MIXTRAL, gpus: Any = "8", memory: Any = "640Gi", **fields: Any
) -> dict[str, Any]:
    """Its flags are arguments of the image's entry point."""
    args = ["--model-id", model, *flags]
    return _container("tgi", TGI_IMAGE, gpus, memory, args=args, **fields)


def sglang(
    *flags: Any, model: Any = MIXTRAL, gpus: Any = "8", memory: Any = "640Gi", **fields: Any
) -> dict[str, Any]:
    command = ["python3", "-m", "sglang.launch_server", "--model-path", model, *flags]
    return _container("sglang", SGLANG_IMAGE, gpus, memory, command=command, **fields)


def tensorrt_llm(
    *flags: Any, model: Any = MIXTRAL, gpus: Any = "8", memory: Any = "640Gi", **fields: Any
) -> dict[str, Any]:
    command = ["trtllm-serve", model, *flags]
    return _container("trtllm", TENSORRT_LLM_IMAGE, gpus, memory, command=command, **fields)


def triton(
    *command: Any, gpus: Any = "8", memory: Any = "640Gi", image: Any = TRITON_IMAGE, **fields: Any
) -> dict[str, Any]:
    """The images of Triton run what their arguments say."""
    args = list(command or ("tritonserver", "--model-repository=/models"))
    return _container("triton", image, gpus, memory, args=args, **fields)
