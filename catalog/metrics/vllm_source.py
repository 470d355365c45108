"""Reads which metrics vLLM registers from its source text; nothing of it is imported or run."""

import ast
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

BUCKETS = "vllm/v1/metrics/buckets.py"
CACHE_CONFIG = "vllm/config/cache.py"

_CLASSES = {
    "_gauge_cls": "gauge",
    "_counter_cls": "counter",
    "_histogram_cls": "histogram",
    "Gauge": "gauge",
    "Counter": "counter",
    "Histogram": "histogram",
}
_POSITIONS = ("name", "documentation", "labelnames")
_LABELS_OF_LOGGERS = ["model_name", "engine"]
"""What loggers.py gives to the others as their parameter `labelnames`."""

_COMPONENTS = {
    "vllm/distributed/": "with a KV or encoder-cache connector",
    "vllm/v1/kv_offload/": "with KV offloading",
    "vllm/v1/simple_kv_offload/": "with KV offloading",
    "vllm/v1/metrics/perf.py": "with --enable-mfu-metrics",
    "vllm/v1/spec_decode/": "with speculative decoding",
    "vllm/entrypoints/serve/dev/": "with VLLM_SERVER_DEV_MODE",
    "vllm/entrypoints/rl/": "with weight updates for reinforcement learning",
    "vllm/entrypoints/speech_to_text/": "with speech to text",
}
"""What has to be switched on before the metrics of a file are there, or are more than 0."""

_NOT_OF_A_SERVER = {
    "vllm/v1/metrics/ray_wrappers.py",
    "vllm/v1/metrics/reader.py",
    "vllm/benchmarks/serve.py",
    "vllm/entrypoints/serve/utils/orca_metrics.py",
}
"""Read metrics, or export them through Ray."""

_UNITS = (
    (r"_seconds$|_time$", "seconds"),
    (r"bytes", "bytes"),
    (r"_info$|_state$", "info"),
    (r"tokens|prefix_cache", "tokens"),
    (r"requests|preemptions|rejections|request_success", "requests"),
)


class UnreadableError(Exception):
    """What cannot be told from the text."""


@dataclass(frozen=True, slots=True)
class _Registration:
    """One call that makes a metric; `condition` is what has to hold for it to be reached."""

    kind: str
    name: str
    documentation: str
    labels: list[str]
    buckets: list[float] | None
    condition: str


def metrics(root: Path) -> dict[str, dict[str, Any]]:
    """Metrics by the name under which they are exposed, sorted.

    UnreadableError is raised for a registration that cannot be read, unless its file is of a
    component that has to be switched on.
    """
    families = _bucket_families(root / BUCKETS)
    info_labels = [*_fields(root / CACHE_CONFIG, "CacheConfig"), "engine"]
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((root / "vllm").rglob("*.py")):
        text = path.read_text()
        place = path.relative_to(root).as_posix()
        if '"vllm:' not in text or place in _NOT_OF_A_SERVER:
            continue
        component = next((c for start, c in _COMPONENTS.items() if place.startswith(start)), "")
        reader = _Reader(families, info_labels)
        reader.block(ast.parse(text).body, _Scope())
        if reader.unreadable and not component:
            raise UnreadableError(f"{place}: {'; '.join(reader.unreadable)}")
        for each in reader.found:
            described = _described(each, place, component or each.condition)
            found.setdefault(described.pop("name"), described)
    return dict(sorted(found.items()))


def _described(metric: _Registration, place: str, condition: str) -> dict[str, Any]:
    name = metric.name
    if metric.kind == "counter":
        # prometheus_client takes the suffix off where it is there, and always exposes it.
        name = f"{name.removesuffix('_total')}_total"
    return {
        "name": name,
        "type": metric.kind,
        "unit": _unit(metric.name, metric.documentation),
        "labels": sorted(metric.labels),
        **({"edges": metric.buckets} if metric.kind == "histogram" else {}),
        **({"condition": condition} if condition else {}),
        "file": place,
        # The text is vLLM's; that it has changed is enough to look at it.
        "documentation_sha256": hashlib.sha256(metric.documentation.encode()).hexdigest()[:12],
    }


def _unit(name: str, documentation: str) -> str:
    if name.endswith("_perc"):
        return "ratio" if "1 means 100 percent" in documentation else ""
    return next((unit for pattern, unit in _UNITS if re.search(pattern, name)), "")


@dataclass(slots=True)
class _Scope:
    """Assignments that are in sight, each with its condition; the last one is read.

    `bound` are the variables of loops.
    """

    condition: str = ""
    assigned: dict[str, list[tuple[ast.expr, str]]] = field(default_factory=dict)
    bound: Mapping[str, Any] = field(default_factory=dict)

    def inner(self) -> "_Scope":
        return replace(self, assigned={name: [*each] for name, each in self.assigned.items()})

    def under(self, condition: str) -> "_Scope":
        """The same names, under one condition more."""
        return replace(self, condition=" and ".join(filter(None, (self.condition, condition))))


class _Reader:
    """Walks the statements of one file in their order."""

    def __init__(self, families: Mapping[str, list[float]], info_labels: list[str]) -> None:
        self.found: list[_Registration] = []
        self.unreadable: list[str] = []
        self._families = families
        self._info_labels = info_labels

    def block(self, statements: Sequence[ast.stmt], scope: _Scope) -> None:
        for statement in statements:
            match statement:
                case ast.If(test, body, orelse):
                    self.block(body, scope.under(_words(test)))
                    self.block(orelse, scope.under(_words(test, negated=True)))
                    if isinstance(body[-1], ast.Return | ast.Raise):
                        scope = scope.under(_words(test, negated=True))
                case ast.FunctionDef(body=body) | ast.AsyncFunctionDef(body=body):
                    self.block(body, scope.inner())
                case ast.ClassDef(body=body):
                    self.block(body, scope.inner())
                case ast.Try(body=body) | ast.With(body=body) | ast.For(body=body):
                    self.block(body, scope)
                case ast.Assign(targets=[target], value=value):
                    self._expression(value, scope)
                    self._assign(target, value, scope)
                case ast.AnnAssign(target=target, value=value) if value is not None:
                    self._expression(value, scope)
                    self._assign(target, value, scope)
                case _:
                    self._expression(statement, scope)

    def _assign(self, target: ast.expr, value: ast.expr, scope: _Scope) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for name, each in zip(target.elts, value.elts, strict=True):
                self._assign(name, each, scope)
        else:
            given = scope.assigned.setdefault(ast.unparse(target), [])
            given.append((value, scope.condition))

    def _expression(self, node: ast.AST, scope: _Scope) -> None:
        match node:
            case ast.ListComp(element, [ast.comprehension(target, ast.Name(name))]):
                for items, condition in scope.assigned.get(name, []):
                    for item in self._items(items, scope):
                        bound = {**scope.bound, **_bind(target, item)}
                        self._expression(element, replace(scope.under(condition), bound=bound))
            case ast.Call(func) if (kind := _CLASSES.get(_last_name(func))) is not None:
                self._register(kind, node, scope)
            case _:
                for child in ast.iter_child_nodes(node):
                    self._expression(child, scope)

    def _items(self, node: ast.expr, scope: _Scope) -> Sequence[Any]:
        """Nothing where it is no list of constants: no metric's name comes from there."""
        try:
            items = self._value(node, scope)
        except UnreadableError:
            return []
        return items if isinstance(items, list) else []

    def _register(self, kind: str, call: ast.Call, scope: _Scope) -> None:
        given = dict(zip(_POSITIONS, call.args, strict=False))
        given |= {each.arg: each.value for each in call.keywords if each.arg is not None}
        try:
            values = {key: self._value(given[key], scope) for key in _POSITIONS if key in given}
            buckets = self._value(given["buckets"], scope) if "buckets" in given else None
        except UnreadableError as error:
            self.unreadable.append(f"line {call.lineno}: {error}")
            return
        if str(values.get("name")).startswith("vllm:"):
            self.found.append(
                _Registration(
                    kind,
                    values["name"],
                    values["documentation"],
                    list(values.get("labelnames", ())),
                    [float(edge) for edge in buckets] if buckets is not None else None,
                    scope.condition,
                )
            )

    def _value(self, node: ast.expr, scope: _Scope) -> Any:
        match node:
            case ast.Constant(value):
                return value
            case ast.List(items) | ast.Tuple(items):
                return [self._value(item, scope) for item in items]
            case ast.BinOp(left, ast.Add(), right):
                return self._value(left, scope) + self._value(right, scope)
            case ast.Name(name) if name in scope.bound:
                return scope.bound[name]
            case ast.Name() | ast.Attribute() if ast.unparse(node) in scope.assigned:
                return self._value(scope.assigned[ast.unparse(node)][-1][0], scope)
            case ast.Name("labelnames"):
                return _LABELS_OF_LOGGERS
            case ast.Call(ast.Name("histogram_buckets"), [ast.Constant(str(family)), *_]):
                return self._families.get(family)
            case ast.Call(ast.Attribute(ast.Name("metrics_info"), "keys")):
                return self._info_labels
            case _:
                raise UnreadableError(ast.unparse(node))


def _bind(target: ast.expr, item: Any) -> dict[str, Any]:
    if isinstance(target, ast.Tuple):
        names = [ast.unparse(each) for each in target.elts]
        return dict(zip(names, item, strict=True))
    return {ast.unparse(target): item}


def _last_name(function: ast.expr) -> str:
    return ast.unparse(function).rpartition(".")[2]


def _words(test: ast.expr, *, negated: bool = False) -> str:
    if negated and isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return ast.unparse(test.operand)
    return f"not ({ast.unparse(test)})" if negated else ast.unparse(test)


def _bucket_families(path: Path) -> dict[str, list[float]]:
    """Edges by family; a family that depends on a setting is not among them."""
    scope = _Scope()
    reader = _Reader({}, [])
    tree = ast.parse(path.read_text())
    reader.block(tree.body, scope)
    (table,) = [value for value, _ in scope.assigned["_STATIC_FAMILY_DEFAULTS"]]
    if not isinstance(table, ast.Dict):
        raise UnreadableError(f"{path.name}: {ast.unparse(table)}")
    keys = [key for key in table.keys if key is not None]
    return {
        reader._value(key, scope): reader._value(value, scope)
        for key, value in zip(keys, table.values, strict=True)
    }


def _fields(path: Path, class_name: str) -> Iterator[str]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef) and node.name == class_name:
            for each in node.body:
                if isinstance(each, ast.AnnAssign) and "ClassVar" not in ast.unparse(each):
                    yield ast.unparse(each.target)
