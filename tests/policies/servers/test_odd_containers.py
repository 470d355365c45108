"""Whatever a container says, no policy of LLM servers fails by itself."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.policies.engine_input import FUZZ, GPU, MIXTRAL, UNKNOWN
from tests.policies.engine_servers import (
    SGLANG_IMAGE,
    TENSORRT_LLM_IMAGE,
    TGI_IMAGE,
    TRITON_IMAGE,
)
from tests.policies.servers.test_every_engine import judge

ODD = (
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9)
)
WORDS = st.text(max_size=12) | st.sampled_from(
    [
        *("sh", "-c", "mpirun", "-n", "-np", "--hostfile", "8", "-1", "$(N)", "$N", "'", UNKNOWN),
        *("text-generation-launcher", "--num-shard", "--sharded", "--cuda-memory-fraction=1e999"),
        *("sglang", "serve", "sglang.launch_server", "--tp", "--dp=0", "--mem-fraction-static"),
        *("--enable-dp-attention", "--ep=3", "--nnodes=0", "--chunked-prefill-size=-1"),
        *("trtllm-serve", "--tp_size", "--gpus_per_node=0", "--config", "disaggregated"),
        *("tritonserver", "launch_triton_server.py", "--world_size", "--exit-timeout-secs=x"),
        *("export NUM_SHARD=$(ls); text-generation-launcher", "A=1 vllm serve", MIXTRAL),
    ]
)
VARIABLES = st.sampled_from(["NUM_SHARD", "MODEL_ID", "CUDA_VISIBLE_DEVICES", "N", UNKNOWN])
ENV: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"name": VARIABLES | ODD}, optional={"value": WORDS | ODD, "valueFrom": st.just({"x": {}})}
)
IMAGES = st.sampled_from(
    [SGLANG_IMAGE, TENSORRT_LLM_IMAGE, TGI_IMAGE, TRITON_IMAGE, "x", "", UNKNOWN]
)
LISTS = st.lists(WORDS | ODD, max_size=7)


@FUZZ
@given(
    st.fixed_dictionaries(
        {"image": IMAGES | ODD},
        optional={
            "command": LISTS | ODD,
            "args": LISTS | ODD,
            "env": st.lists(ENV | ODD, max_size=3) | ODD,
            "envFrom": st.lists(st.just({"configMapRef": {}}) | st.just(UNKNOWN) | ODD) | ODD,
            "resources": st.fixed_dictionaries(
                {"limits": st.dictionaries(st.sampled_from([GPU, "memory"]), WORDS | ODD)}
            ),
        },
    )
)
def test_nothing_crashes_a_policy(container: dict[str, Any]) -> None:
    judge(container)  # `Said.report` asserts that no policy failed by itself.
