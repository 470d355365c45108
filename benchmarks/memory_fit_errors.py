"""How far the memory formula is from published logs: the tables of docs/memory-fit.md.

.venv/bin/python benchmarks/memory_fit_errors.py
"""

from collections.abc import Iterator

from tests.catalog.startup_logs import StartupLog, read

_HEADER = (
    "| model | vLLM | GPU | layout | weights, GiB a GPU | error | KV cache, tokens | error"
    " | activations, GiB | libraries, GiB |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def tables() -> str:
    """Markdown: what is compared (said / log), and what is not."""
    logs = read()
    rows = [_HEADER, *(_row(log) for log in logs if not (log.other_shape or _untold(log)))]
    why = ["| not compared | vLLM | why |", "|---|---|---|", *_reasons(logs)]
    return "\n".join(rows) + "\n\n" + "\n".join(why) + "\n"


def _untold(log: StartupLog) -> bool:
    """Whether nothing is left to compare."""
    return log.weights_gib is None and log.other_memory is not None


def _row(log: StartupLog) -> str:
    weights = log.predicted_weights_gib, log.weights_gib
    tokens = (log.predicted_kv_tokens, log.kv_tokens) if not log.other_memory else (None, None)
    others = [
        (log.predicted_activations_gib, log.activations_gib),
        (log.predicted_non_torch_gib, log.non_torch_gib),
    ]
    cells = [
        _linked(log),
        log.version_name,
        log.gpu,
        str(log.layout),
        _pair(*weights, ".2f"),
        _error(*weights),
        _pair(*tokens, ",d"),
        _error(*tokens),
        *("-" if log.other_memory else _pair(*each, ".2f") for each in others),
    ]
    return f"| {' | '.join(cells)} |"


def _reasons(logs: list[StartupLog]) -> Iterator[str]:
    for log in logs:
        if log.other_memory:
            what = "" if log.other_shape or _untold(log) else "KV cache: "
            yield f"| {_linked(log)} | {log.version_name} | {what}{log.other_memory} |"


def _linked(log: StartupLog) -> str:
    name = log.model.name.rsplit("/", 1)[-1]
    return name if " " in log.source else f"[{name}]({log.source})"


def _pair(said: float | None, measured: float | None, form: str) -> str:
    return "-" if said is None or measured is None else f"{said:{form}} / {measured:{form}}"


def _error(said: float | None, measured: float | None) -> str:
    if said is None or measured is None:
        return "-"
    return f"{said / measured - 1:+.1%}".replace("-0.0%", "0.0%").replace("+0.0%", "0.0%")


if __name__ == "__main__":
    print(tables(), end="")
