"""What `moe sandbox` shows: tables on a terminal, plain lines elsewhere."""

import io
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from cli.answer import CommandError
from cli.sheet import Sheet, show_sheet
from sandbox.lifecycle import SandboxStatus
from sandbox.stack import LOCAL
from sandbox.summary import ServedModel, Summary

NEXT = (
    ('eval "$(.venv/bin/moe sandbox env)"', "then pulumi and kubectl work on the sandbox"),
    ("pulumi preview --stack local --policy-pack policies", "what a change would do"),
    ("pulumi stack output --stack local", "addresses and names"),
    ("make status", "this again, with processes, logs, and what stands in for AWS"),
    ("make down", "remove all of it"),
)


def show_summary(console: Console, summary: Summary, resources: int, stack: str = LOCAL) -> None:
    """What runs, as the cluster tells it."""
    for sheet in (
        _nodes(summary),
        _operators(summary),
        *(_model(model) for model in summary.models),
        _rules(summary),
    ):
        show_sheet(console, sheet)
    console.print(f"{resources} resources in stack {stack}")


def show_next(console: Console) -> None:
    """What to type next, where stack `local` is up."""
    show_commands(console, NEXT)


def show_commands(console: Console, commands: Sequence[tuple[str, str]]) -> None:
    console.print("Next:")
    for command, purpose in commands:
        console.print(f"  [cyan]{command}[/]  # {purpose}", soft_wrap=True)


def save_picture(path: Path, summary: Summary, resources: int) -> None:
    """Write what a terminal of 110 columns would show, as an SVG; raises CommandError."""
    console = Console(
        record=True, width=110, highlight=False, force_terminal=True, file=io.StringIO()
    )
    show_summary(console, summary, resources)
    show_next(console)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        console.save_svg(str(path), title="make up")
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from None


def show_processes(console: Console, status: SandboxStatus, kept: Sequence[str]) -> None:
    """The processes of the sandbox, and what its `aws` keeps because moto cannot."""
    rows = [
        (
            process.name,
            str(process.pid) if process.alive else "stopped",
            str(process.port or "-"),
            f"{process.rss_mib:.0f} MiB",
            str(process.log),
        )
        for process in status.processes
    ]
    show_sheet(console, Sheet("Sandbox", ("process", "pid", "port", "memory", "log"), rows))
    console.print(f"Memory of all processes: {status.rss_mib:.0f} MiB", soft_wrap=True)
    console.print(
        f"Kept by the stand-in for AWS, since moto lacks them: {', '.join(kept)}\n",
        soft_wrap=True,
    )


def _nodes(summary: Summary) -> Sheet:
    return Sheet(
        "GPU nodes (allocatable)",
        ("node", "type", "zone", "ready", "nvidia.com/gpu", "efa", "node group"),
        [
            (
                node.name.split(".")[0],
                node.instance_type,
                node.zone,
                "yes" if node.ready else "no",
                str(node.gpus),
                str(node.efa_interfaces),
                node.node_group,
            )
            for node in summary.gpu_nodes
        ],
    )


def _operators(summary: Summary) -> Sheet:
    return Sheet(
        "Operators",
        ("name", "namespace", "kind", "ready"),
        [(w.name, w.namespace, w.kind, f"{w.ready}/{w.desired}") for w in summary.operators],
    )


def _model(model: ServedModel) -> Sheet:
    fit = model.memory_fit
    rows = [
        ("model", model.model),
        ("image", model.image),
        ("ready", f"{model.ready}/{model.desired}"),
        ("GPUs", f"{model.gpus} a pod, pods of an engine: {model.pods} ({fit.layout})"),
        ("host memory", model.memory),
        (
            "GPU memory",
            f"{fit.weights_gib:.1f} weights + {fit.overhead_gib:.1f} activations and graphs"
            f" + {fit.kv_cache_gib:.1f} KV cache = {fit.budget_gib:.1f} GiB a GPU",
        ),
        (
            "KV cache",
            f"{fit.kv_tokens:,} tokens, {fit.sequences:.0f} sequences of {fit.max_model_len}",
        ),
    ]
    return Sheet(f"Model server {model.name}", ("what", "value"), rows)


def _rules(summary: Summary) -> Sheet:
    return Sheet(
        "PrometheusRules",
        ("rule", "group", "count", "alerts"),
        [
            (f"{r.namespace}/{r.name}", r.group, str(len(r.alerts)), ", ".join(r.alerts))
            for r in summary.rules
        ],
    )
