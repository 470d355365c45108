"""Whether a Triton server serves an LLM: it serves any model that its repository holds.

The images of NVIDIA for LLMs are named after their backend (tritonserver:26.09-trtllm-python-py3,
-vllm-python-py3), the repository mostly is too, and only the TensorRT-LLM backend is started with
one process a GPU, by mpirun. Where nothing says so, a Triton server is none of our business.
"""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from policies.servers.surroundings import Token

_LLM = re.compile(r".*(?:llm|launch_triton_server\.py).*", re.IGNORECASE | re.DOTALL)
_MPI = frozenset({"mpirun", "mpiexec"})


def serves_llm(words: Sequence[Token], image: Any) -> bool:
    texts = [word for word in words if isinstance(word, str)]
    named = any(_LLM.fullmatch(text) for text in [*texts, image if isinstance(image, str) else ""])
    return named or any(PurePosixPath(text).name in _MPI for text in texts)
