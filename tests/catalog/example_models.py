"""Models that tests name: those of the catalogue, and some that it does not have."""

from catalog.models import MODELS, Model
from catalog.models.hugging_face import from_config
from tests.catalog.configs import AWQ, CONFIGS

MIXTRAL_8X7B = MODELS["mistralai/Mixtral-8x7B-Instruct-v0.1"]
MIXTRAL_8X22B = MODELS["mistralai/Mixtral-8x22B-Instruct-v0.1"]
DBRX = MODELS["databricks/dbrx-instruct"]


def _of_config(name: str) -> Model:
    return from_config(CONFIGS[name], name=name, revision=None)


QWEN_30B = _of_config("Qwen/Qwen3-30B-A3B")
QWEN_MOE_SHARED = _of_config("Qwen/Qwen1.5-MoE-A2.7B-Chat")
QWEN_7B = _of_config("Qwen/Qwen2.5-7B-Instruct")
QWEN_0_6B = _of_config("Qwen/Qwen3-0.6B")
LLAMA_8B = _of_config("meta-llama/Llama-3.1-8B-Instruct")
LLAMA_70B = _of_config("meta-llama/Llama-3.1-70B-Instruct")
LLAMA_1B_TIED = _of_config("meta-llama/Llama-3.2-1B-Instruct")
MIXTRAL_AWQ = from_config(
    {**CONFIGS[MIXTRAL_8X7B.name], "quantization_config": AWQ},
    name="org/Mixtral-8x7B-AWQ",
    revision=None,
)

EXAMPLES = (
    *MODELS.values(),
    QWEN_30B,
    QWEN_MOE_SHARED,
    QWEN_7B,
    QWEN_0_6B,
    LLAMA_8B,
    LLAMA_70B,
    LLAMA_1B_TIED,
    MIXTRAL_AWQ,
)
