"""`moe model`: the models that settings may name, and how one more is added."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from catalog import models
from catalog.instance_types import INSTANCE_TYPES
from catalog.memory_fit import DEFAULT_MIN_SEQUENCES, MemoryFit, fits_by_layout, weights_gib
from catalog.models import Model, hugging_face
from catalog.models.config_keys import ConfigRefusedError
from catalog.parallel_layout import BALANCED_ARCHITECTURES
from cli import exit_codes
from cli.answer import CommandError, answering, print_json
from cli.sheet import Sheet, show_sheet

app = typer.Typer(
    add_completion=False,
    help="The models that a stack file may name.",
    epilog=exit_codes.EXPLANATION,
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]

_NOTHING: Mapping[str, Any] = {"error": None, "problems": []}
_LENGTHS_STEP = 1024


@app.command(
    epilog="Example: .venv/bin/moe model add config.json --name Qwen/Qwen3-30B-A3B"
    " --revision ad44e777bcd18fa416d9da3bd8f70d33ebb85d39"
)
def add(
    config: Annotated[
        Path, typer.Argument(help="The model's config.json, as Hugging Face has it.")
    ],
    name: Annotated[str, typer.Option(help="Its Hugging Face id, org/model.")],
    revision: Annotated[str, typer.Option(help="The commit that config.json is from.")],
    gated: Annotated[
        bool, typer.Option("--gated", help="Hugging Face wants a token for its files.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Overwrite an entry that says something else.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a model's entry into the catalogue, and show where it fits.

    Nothing else has to change: the next `pulumi preview` knows the model.
    """
    empty = {**_NOTHING, "file": None, "written": False, "model": None, "fits": [], "remarks": []}
    with answering(as_json, empty):
        found = _read(config)
        try:
            entry = hugging_face.from_config(found, name=name, revision=revision, gated=gated)
        except ConfigRefusedError as error:
            raise CommandError(f"{config}: {error}") from None
        file = models.ENTRIES / models.entry_file(name)
        written = _write(entry, file, replace=replace)
        fits = [fit for node in INSTANCE_TYPES.values() for fit in _fits(entry, node.name)]
        remarks = hugging_face.remarks(found)
        if as_json:
            told = {"file": str(file), "written": written, "model": _about(entry)}
            fitting = [_fit_document(fit) for fit in fits]
            print_json({**empty, **told, "fits": fitting, "remarks": remarks})
        else:
            _show_added(entry, file, fits, remarks, written=written)
        if not written:
            raise typer.Exit(exit_codes.NOTHING_TO_DO)


@app.command("list", epilog="Example: .venv/bin/moe model list --json | jq '.models[].name'")
def list_models(as_json: Json = False) -> None:
    """Show the models of the catalogue, and the fewest GPUs that serve each.

    A layout serves a model when its KV cache holds 8 sequences as long as the context.
    """
    with answering(as_json, {**_NOTHING, "models": []}):
        if as_json:
            entries = [
                {**_about(each), "least_layouts": _least_layouts(each)}
                for each in models.MODELS.values()
            ]
            print_json({**_NOTHING, "models": entries})
            return
        columns = ("model", "revision", "parameters", "active", "weights", "gated", "EPLB")
        rows = [
            (
                each.name,
                (each.revision or "-")[:12],
                _billions(each.parameters),
                _billions(each.active_parameters),
                f"{weights_gib(each):.1f} GiB",
                _yes(each.gated),
                _yes(_balanced(each)),
                *(layout or "-" for layout in _least_layouts(each).values()),
            )
            for each in models.MODELS.values()
        ]
        show_sheet(Console(highlight=False), Sheet("Models", (*columns, *INSTANCE_TYPES), rows))


def _read(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise CommandError(f"{path} is not JSON: {error}") from None
    if not isinstance(found, Mapping):
        raise CommandError(f"{path} is not a config.json: a map of keys is expected")
    return found


def _write(entry: Model, file: Path, *, replace: bool) -> bool:
    """Whether the file had to be written; never half a file under its name."""
    if file.exists():
        there = Model.model_validate_json(file.read_bytes())
        if there == entry:
            return False
        if not replace:
            changes = "; ".join(_differences(there, entry))
            raise CommandError(f"{file} says something else ({changes}); --replace overwrites it")
    text = entry.model_dump_json(indent=2, exclude_defaults=True) + "\n"
    try:
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=".") as folder:
            whole = Path(folder) / file.name
            whole.write_text(text)
            whole.replace(file)
    except OSError as error:
        raise CommandError(
            f"{file.parent} cannot be written: {error.strerror}; entries are in the folder of the"
            " package, so run this in a checkout of your own"
        ) from None
    return True


def _differences(there: Model, entry: Model) -> Iterator[str]:
    before, after = there.model_dump(), entry.model_dump()
    for key, value in before.items():
        if value != after[key]:
            yield f"{key} {value} there, {after[key]} here"


def _fits(entry: Model, node: str) -> list[MemoryFit]:
    return fits_by_layout(entry, INSTANCE_TYPES[node], max_model_len=entry.context_tokens)


def _least_layouts(entry: Model) -> dict[str, str | None]:
    """By instance type: the layout of the fewest GPUs that fits, None where none does."""
    return {
        node: next((str(fit.layout) for fit in _fits(entry, node) if fit.fits), None)
        for node in INSTANCE_TYPES
    }


def _longest(fit: MemoryFit) -> int:
    """Largest max_model_len, in steps of 1024, of which the KV cache holds the usual number."""
    tokens = fit.kv_tokens_per_rank // fit.min_sequences_per_rank
    return min(fit.model.context_tokens, tokens // _LENGTHS_STEP * _LENGTHS_STEP)


def _balanced(entry: Model) -> bool:
    return entry.architecture in BALANCED_ARCHITECTURES


def _about(entry: Model) -> dict[str, Any]:
    return {
        **entry.model_dump(),
        "parameters": entry.parameters,
        "active_parameters": entry.active_parameters,
        "weights_gib": round(weights_gib(entry), 2),
        "eplb": _balanced(entry),
    }


def _fit_document(fit: MemoryFit) -> dict[str, Any]:
    return {
        "instance_type": fit.instance_type.name,
        "layout": str(fit.layout),
        "gpus": fit.layout.gpus,
        "weights_gib_per_gpu": round(fit.weights_gib, 2),
        "kv_cache_tokens": fit.kv_tokens,
        "max_model_len": _longest(fit),
        "fits": fit.fits,
    }


def _show_added(
    entry: Model, file: Path, fits: list[MemoryFit], remarks: list[str], *, written: bool
) -> None:
    console = Console(highlight=False)
    active = f", {_billions(entry.active_parameters)} active" if entry.is_moe else ""
    facts = [
        ("file", f"{file}{'' if written else ' (as it was)'}"),
        ("parameters", f"{_billions(entry.parameters)}{active}; compare with the model's card"),
        ("weights", f"{weights_gib(entry):.1f} GiB"),
        ("context", f"{entry.context_tokens} tokens"),
        ("expert parallelism", _expert_parallelism(entry)),
    ]
    show_sheet(console, Sheet(entry.name, ("what", "value"), facts))
    longest = f"max_model_len for {DEFAULT_MIN_SEQUENCES} sequences"
    rows = [
        (
            fit.instance_type.name,
            str(fit.layout),
            str(fit.layout.gpus),
            f"{fit.weights_gib:.1f} GiB",
            f"{fit.kv_tokens:,}",
            str(_longest(fit)) if _longest(fit) else "does not fit",
        )
        for fit in fits
    ]
    columns = ("instance type", "layout", "GPUs", "weights a GPU", "KV cache tokens", longest)
    show_sheet(console, Sheet("Where it fits", columns, rows))
    for remark in remarks:
        console.print(remark, soft_wrap=True, markup=False)


def _expert_parallelism(entry: Model) -> str:
    if not entry.is_moe:
        return "no experts"
    return "possible" if _balanced(entry) else f"no: vLLM cannot balance {entry.architecture}"


def _billions(parameters: int) -> str:
    return f"{parameters / 1e9:.1f} B"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
