"""By what each engine is known: its program, its Python modules, its image, flags of its own.

Sources: vLLM 0.33 (cli/main.py); DeepSpeed-MII 0.3.3 (mii/entrypoints); Text Generation
Inference 3.3 (Dockerfile, launcher/src/main.rs); SGLang 0.5.23 (launch_server.py, cli/main.py);
TensorRT-LLM 1.2 (commands/serve.py, triton_backend/scripts/launch_triton_server.py).
"""

import re
from dataclasses import dataclass
from typing import Literal

Engine = Literal["vllm", "deepspeed_mii", "tgi", "sglang", "tensorrt_llm", "triton"]

_NEVER = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True)
class Start:
    """Patterns match a word, or the name of an image, as a whole.

    `subcommands` may follow the program, and `others` make it another one. `image_serves`
    where the image's entry point is the server, so that flags may be all that a container says.
    `flags` are those that hardly any other program has: who gets one is a server, whatever it
    is called.
    """

    engine: Engine
    program: str | None
    module: re.Pattern[str]
    image: re.Pattern[str]
    flags: re.Pattern[str] = _NEVER
    subcommands: tuple[str, ...] = ()
    needs_subcommand: bool = False
    others: tuple[str, ...] = ()
    image_serves: bool = False


def _flags(names: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{names})(?:=.*)?", re.DOTALL)


MII = Start(
    "deepspeed_mii",
    program=None,
    module=re.compile(
        r"mii\.entrypoints\.(?:openai_)?api_server|.*/mii/entrypoints/(?:openai_)?api_server\.py"
    ),
    image=re.compile(r".*deepspeed-mii"),
    image_serves=True,
)
TGI = Start(
    "tgi",
    program="text-generation-launcher",
    module=_NEVER,
    image=re.compile(r".*text-generation-inference.*"),
    flags=_flags(r"--(?:num-shard|cuda-memory-fraction|max-batch-prefill-tokens)"),
    image_serves=True,
)
SGLANG = Start(
    "sglang",
    program="sglang",
    module=re.compile(r"sglang\.launch_server|.*/sglang/launch_server\.py"),
    image=re.compile(r"(?!.*router).*sglang.*"),
    flags=_flags(r"--mem[-_]fraction[-_]static"),
    subcommands=("serve",),
    needs_subcommand=True,
)
TENSORRT_LLM = Start(
    "tensorrt_llm",
    program="trtllm-serve",
    module=re.compile(r"tensorrt_llm\.commands\.serve|.*/tensorrt_llm/commands/serve\.py"),
    image=re.compile(r".*(?:tensorrt[-_]?llm|trt[-_]?llm).*"),
    flags=_flags(r"--(?:kv_cache_)?free_gpu_memory_fraction"),
    subcommands=("serve",),
    # They route to servers, or encode pictures for them.
    others=("disaggregated", "disaggregated_mpi_worker", "mm_embedding_serve"),
)
TRITON = Start(
    "triton",
    program="tritonserver",
    module=re.compile(r"(?:.*/)?launch_triton_server\.py"),
    image=_NEVER,
)
VLLM = Start(
    "vllm",
    program="vllm",
    module=re.compile(
        r"vllm\.entrypoints\.(?:[\w.]+\.)?(?:api_server|main)"
        r"|.*/vllm/entrypoints/[\w/]*api_server\.py"
    ),
    image=re.compile(r".*vllm.*"),
    flags=_flags(
        r"-tp|--(?:tensor[-_]parallel|pipeline[-_]parallel|gpu[-_]memory|max[-_]model)[-_\w]*"
    ),
    subcommands=("serve",),
    needs_subcommand=True,
    image_serves=True,
)

STARTS = (MII, TGI, SGLANG, TENSORRT_LLM, TRITON, VLLM)
"""vLLM last: others have some of its flags, and their images may be named after it too."""
