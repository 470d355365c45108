"""Puts the values of a plan into a stack file, and leaves all else in it as it is."""

import difflib
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from catalog.project import PROJECT
from planner.deployment import Deployment
from planner.plan import Plan, Verdict
from planner.report import ASSUMED
from stacks import reading
from stacks.editing import dumped, put, yaml_like
from stacks.reading import SettingsError
from stacks.settings.gpu_node_group import GpuNodeGroupSettings

NOTE = "# moe plan: "
"""Begins the one line that says where the values come from; the next plan replaces it."""

_OLD_NOTE = re.compile(rf"^[ \t]*{re.escape(NOTE)}.*\n", re.MULTILINE)


class WriteRefusedError(Exception):
    """Nothing is written; the message says why."""


@dataclass(frozen=True, slots=True)
class Written:
    """`diff` is unified, and empty where the file said so already; `notes` are for people."""

    file: str
    diff: str
    notes: tuple[str, ...] = ()


def write(plan: Plan, stack: str) -> Written:
    """Raises SettingsError where the stack would be refused, and WriteRefusedError."""
    path = reading.stack_file(stack)
    group = reading.from_file(stack).gpu_node_group
    before = path.read_text(encoding="utf-8")
    after = with_plan(before, plan)
    name = f"{path.parent.name}/{path.name}"
    diff = "".join(
        difflib.unified_diff(
            before.splitlines(keepends=True),
            after.splitlines(keepends=True),
            f"{name} (before)",
            f"{name} (after)",
        )
    )
    if diff:
        _replace(path, after, name)
    return Written(name, diff, tuple(_notes(group, plan.nodes or 0)))


def _notes(group: GpuNodeGroupSettings, nodes: int) -> Iterator[str]:
    """What the plan says of nodes, and the file does not do by itself."""
    if group.min_nodes > nodes:
        yield (
            f"min_nodes {group.min_nodes} stays, though the plan needs {nodes}: fewer is a"
            " decision, and until then the cost is that of min_nodes"
        )
    if group.desired_nodes < nodes:
        yield (
            f"desired_nodes counts when the node group is created: where it exists, raise"
            f" min_nodes to {nodes}, or have an autoscaler"
        )


def with_plan(text: str, plan: Plan) -> str:
    """The text of a stack file with the values of `plan`; all comments stay."""
    if plan.verdict is not Verdict.MEETS or plan.replicas is None or plan.nodes is None:
        raise WriteRefusedError("the plan does not meet its target")
    bare = _OLD_NOTE.sub("", text)
    yaml = yaml_like(bare)
    document = yaml.load(bare)
    config = document["config"]
    server = config[f"{PROJECT}:model_server"]
    refuse_other_model(plan.request.deployment, server["model"])
    _put_server(server, plan)
    _put_nodes(config[f"{PROJECT}:gpu_node_group"], plan)
    return _with_note(dumped(yaml, document), plan)


def refuse_other_model(deployment: Deployment, served: str) -> None:
    """A model has a revision, which no plan knows."""
    if served != deployment.model.name:
        raise WriteRefusedError(
            f"the plan is for {deployment.model.name} and the stack serves {served}: change model"
            " and revision there first"
        )


def note(plan: Plan) -> str:
    """The same for the same plan: no date, so that a second write changes nothing."""
    request = plan.request
    bursts = f" (bursts {request.burst_factor:g} x)" if request.burst_factor > 1 else ""
    return (
        f"{NOTE}{request.requests_per_s:g} requests/s{bursts}, p99 TTFT"
        f" {request.target.ttft_p99_s:g} s and ITL {request.target.itl_p99_s * 1000:g} ms;"
        f" step time {ASSUMED if plan.assumed else 'measured'}"
    )


def _put_server(server: CommentedMap, plan: Plan) -> None:
    deployment = plan.request.deployment
    put(server, "replicas", plan.replicas)
    put(server, "tensor_parallel_size", deployment.layout.tensor_parallel_size)
    put(server, "max_model_len", deployment.max_model_len)
    put(server, "memory_gib", deployment.pod.memory_gib)
    put(server, "cpu", deployment.pod.cpu, default=64, after="max_model_len")
    if "engine" not in server:
        put(server, "engine", CommentedMap(kind="vllm"), after="image")
    _put_engine(server["engine"], deployment, plan)


def _put_engine(engine: CommentedMap, deployment: Deployment, plan: Plan) -> None:
    layout, admission = deployment.layout, plan.admission
    put(engine, "pipeline_parallel_size", layout.pipeline_parallel_size, default=1)
    if not layout.expert_parallel:
        engine.pop("expert_parallel", None)
    elif "expert_parallel" not in engine:
        put(engine, "expert_parallel", CommentedMap())
    if layout.expert_parallel:
        experts = engine["expert_parallel"]
        put(experts, "data_parallel_size", layout.data_parallel_size)
        put(experts, "redundant_experts", layout.redundant_experts, default=0)
    put(engine, "gpu_memory_utilization", deployment.gpu_memory_utilization, default=0.92)
    put(engine, "max_num_seqs", deployment.max_num_seqs)
    put(engine, "max_num_batched_tokens", deployment.max_num_batched_tokens)
    if admission is not None:
        put(engine, "max_queued_requests", admission.max_queued_requests)
        put(engine, "max_queued_tokens", admission.max_queued_tokens)


def _put_nodes(group: CommentedMap, plan: Plan) -> None:
    """Room for the engines; more nodes than that are somebody's decision and stay."""
    nodes = plan.nodes or 0
    put(group, "instance_type", plan.request.deployment.instance_type.name)
    for key in ("desired_nodes", "max_nodes"):
        put(group, key, max(group[key], nodes))


def _with_note(text: str, plan: Plan) -> str:
    server = YAML().load(text)["config"][f"{PROJECT}:model_server"]
    line, column = server.lc.key("replicas")
    lines = text.splitlines(keepends=True)
    lines.insert(line, f"{' ' * column}{note(plan)}\n")
    return "".join(lines)


def _replace(path: Path, text: str, name: str) -> None:
    """The whole new file under its name, or the old one: settings are read before."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
            whole = Path(folder) / path.name
            whole.write_text(text, encoding="utf-8")
            shutil.copymode(path, whole)
            try:
                reading.validated(reading.config_of(whole), whole)
            except SettingsError as error:
                # Lines are those of a file that nobody has.
                problems = [replace(each, file=name, line=None) for each in error.problems]
                raise SettingsError(problems) from None
            whole.replace(path.resolve())
    except OSError as error:
        raise WriteRefusedError(f"{path} cannot be written: {error.strerror}") from None
