"""What the plugin relies on in vLLM, read from its source.

    python -m tests.expert_metrics.vllm_hooks ROOT

writes `hooks.json` from an unpacked source package; a test holds it equal to the pinned one.
"""

import ast
import json
import sys
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("hooks.json")

_MOE = "vllm/model_executor/layers/fused_moe"
_METHODS = {
    "vllm/v1/worker/gpu_worker.py": {
        "Worker": ["load_model", "get_model", "compile_or_warm_up_model"]
    },
    f"{_MOE}/runner/moe_runner.py": {
        "MoERunner": ["layer_id", "is_monolithic", "do_naive_dispatch_combine"]
    },
    f"{_MOE}/router/base_router.py": {"BaseRouter": ["set_capture_fn", "_select_experts"]},
    f"{_MOE}/config.py": {"FusedMoEConfig": ["pcp_size", "is_sequence_parallel"]},
    "vllm/config/aux_output.py": {"AuxOutputConfig": ["enabled"]},
    "vllm/distributed/parallel_state.py": {
        "": ["get_tp_group", "get_pp_group"],
        "GroupCoordinator": ["is_first_rank"],
    },
}
_FIELDS = {
    f"{_MOE}/runner/moe_runner.py": {"MoERunner": ["router", "moe_config", "layer_name"]},
    f"{_MOE}/router/base_router.py": {"BaseRouter": ["capture_fn"]},
    f"{_MOE}/config.py": {"FusedMoEConfig": ["num_logical_experts"]},
    "vllm/config/parallel.py": {"ParallelConfig": ["data_parallel_index"]},
    "vllm/config/model.py": {"ModelConfig": ["served_model_name"]},
    "vllm/config/vllm.py": {"VllmConfig": ["aux_output_config", "parallel_config", "model_config"]},
    "vllm/v1/worker/gpu_worker.py": {"Worker": ["device"]},
    "vllm/distributed/parallel_state.py": {"GroupCoordinator": ["rank_in_group"]},
}

FILES = {*_METHODS, *_FIELDS, f"{_MOE}/router/fused_topk_router.py"}


def hooks(root: Path) -> dict[str, Any]:
    """Signatures by `Class.method`, fields by class, and the steps in which experts are chosen."""
    signatures = {
        f"{name}.{method}".lstrip("."): _signature(_method(_class(root, file, name), method))
        for file, classes in _METHODS.items()
        for name, methods in classes.items()
        for method in methods
    }
    fields = {
        f"{name}.{field}": field in _fields(_class(root, file, name))
        for file, classes in _FIELDS.items()
        for name, wanted in classes.items()
        for field in wanted
    }
    return {
        "signatures": signatures,
        "fields": fields,
        # Logical ids are captured before EPLB maps them to copies.
        "choosing_experts": _calls_of_self(
            _method(_class(root, f"{_MOE}/router/base_router.py", "BaseRouter"), "_select_experts")
        ),
        # Python runs when a step is captured or eager, never inside a compiled graph.
        "moe_is_an_opaque_operation": "torch.ops.vllm.moe_forward"
        in (root / f"{_MOE}/runner/moe_runner.py").read_text(),
        "padded_rows_are_masked": "is_padding=_get_padding_mask("
        in (root / f"{_MOE}/router/fused_topk_router.py").read_text(),
    }


def _class(root: Path, file: str, name: str) -> ast.Module | ast.ClassDef:
    tree = ast.parse((root / file).read_text())
    if not name:
        return tree
    return next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)


def _method(owner: ast.Module | ast.ClassDef, name: str) -> ast.FunctionDef:
    """Raises StopIteration where it is gone."""
    return next(
        node for node in owner.body if isinstance(node, ast.FunctionDef) and node.name == name
    )


def _signature(function: ast.FunctionDef) -> str:
    is_property = any(ast.unparse(each) == "property" for each in function.decorator_list)
    kind = "property" if is_property else "def"
    names = [argument.arg for argument in function.args.args]
    only = [argument.arg for argument in function.args.kwonlyargs]
    return f"{kind}({', '.join([*names, *(['*', *only] if only else [])])})"


def _fields(owner: ast.AST) -> set[str]:
    """Assigned in the class's body, or to `self` in any of its methods."""
    targets = [
        target
        for node in ast.walk(owner)
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    return {
        each.id if isinstance(each, ast.Name) else each.attr
        for each in targets
        if isinstance(each, ast.Name)
        or (isinstance(each, ast.Attribute) and ast.unparse(each.value) == "self")
    }


def _calls_of_self(function: ast.FunctionDef) -> list[str]:
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    names = [(node.lineno, ast.unparse(node.func)) for node in calls]
    return [name for _, name in sorted(names) if name.startswith("self.")]


if __name__ == "__main__":
    FILE.write_text(json.dumps(hooks(Path(sys.argv[1])), indent=1) + "\n")
