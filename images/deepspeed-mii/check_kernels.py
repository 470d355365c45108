"""Load the kernels that FastGen needs: DeepSpeed's setup omits in silence what it cannot build."""

from deepspeed.git_version_info import installed_ops
from deepspeed.ops.op_builder import (
    InferenceCoreBuilder,
    InferenceCutlassBuilder,
    RaggedOpsBuilder,
    RaggedUtilsBuilder,
)
from deepspeed.ops.op_builder.builder import installed_cuda_version

for builder in (
    InferenceCoreBuilder(),
    InferenceCutlassBuilder(),
    RaggedOpsBuilder(),
    RaggedUtilsBuilder(),
):
    if not installed_ops[builder.name]:
        raise SystemExit(f"{builder.name} is not built")
    builder.load()
installed_cuda_version()
