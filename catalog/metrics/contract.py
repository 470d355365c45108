"""What is wrong with an expression: a metric that nobody exports, a rate of a gauge, percent
against a ratio, a label that is not there.

Prometheus takes all of these, and such an alert is silent for ever: `vllm:gpu_cache_usage_perc
> 90` was wrong twice (removed in vLLM 0.12, and a ratio).
"""

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import promql_parser as promql

from catalog.metrics.exported import exported
from catalog.metrics.series import Series, exposed_edges, hint, named

_OF_COUNTERS = {"rate", "irate", "increase", "resets"}
_OF_GAUGES = {"delta", "idelta", "deriv", "predict_linear", "double_exponential_smoothing"}
_KEEP_ALL = {"last_over_time", "label_replace", "label_join", "sort", "sort_desc"}
_KEEP_UNIT = {
    *("max_over_time", "min_over_time", "avg_over_time", "quantile_over_time"),
    *("abs", "ceil", "floor", "round", "clamp", "clamp_max", "clamp_min"),
}
_SAME_KIND = {"max", "min", "topk", "bottomk", "limitk"}
_SAME_UNIT = {*_SAME_KIND, "avg", "quantile"}
_PICK = {"topk", "bottomk", "limitk", "limit_ratio"}
_SETS = {"and", "or", "unless"}
_MIRRORED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "==", "!=": "!="}
_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
}
_UNKNOWN = Series(frozenset({"*"}), "unknown")


def problems(expression: str, known: Mapping[str, Series] | None = None) -> list[str]:
    """Why the expression does not say what it seems to; empty where nothing is wrong.

    `known` are series by name; without it those of `exported()`.
    """
    return read(expression, known)[1]


def read(
    expression: str, known: Mapping[str, Series] | None = None
) -> tuple[Series | None, list[str]]:
    """What the expression yields, None for a number; and the problems with it."""
    try:
        tree = promql.parse(expression)
    except ValueError as error:
        return _UNKNOWN, [f"does not parse: {error}"]
    reader = _Reader(named(exported().values()) if known is None else known)
    series = reader.series(tree)
    return series, list(dict.fromkeys(reader.problems))


def names(expression: str) -> set[str]:
    """Names of all series that the expression reads."""
    found: set[str] = set()

    def visit(node: promql.Expr) -> None:
        if isinstance(node, promql.VectorSelector) and node.name:
            found.add(node.name)
        elif isinstance(node, promql.MatrixSelector) and node.vector_selector.name:
            found.add(node.vector_selector.name)

    promql.walk(promql.parse(expression), visit)
    return found


class _Reader:
    def __init__(self, known: Mapping[str, Series]) -> None:
        self.problems: list[str] = []
        self._known = known

    def series(self, node: Any) -> Series | None:
        match node:
            case promql.NumberLiteral() | promql.StringLiteral():
                return None
            case promql.ParenExpr() | promql.SubqueryExpr():
                return self.series(node.expr)
            case promql.UnaryExpr():
                inner = self.series(node.expr)
                return None if inner is None else _computed(inner)
            case promql.MatrixSelector():
                return self._selected(node.vector_selector)
            case promql.VectorSelector():
                return self._selected(node)
            case promql.AggregateExpr():
                return self._aggregated(node)
            case promql.Call():
                return self._called(node)
            case promql.BinaryExpr():
                return self._combined(node)
        raise TypeError(f"a node of PromQL that is not read here: {type(node).__name__}")

    def _selected(self, node: promql.VectorSelector) -> Series:
        matchers = node.matchers.matchers
        name = node.name or next((m.value for m in matchers if m.name == "__name__"), "")
        series = self._known.get(name)
        if series is None:
            self._say(f"{name or node} is exported by nobody{hint(name, self._known)}")
            return _UNKNOWN
        if series.condition:
            self._say(f"{name} is not always exported: {series.condition}")
        for matcher in matchers:
            if matcher.name == "__name__":
                continue
            self._has(series, {matcher.name}, name)
            if matcher.name == "le":
                self._matches_an_edge(matcher, series, name)
        return series

    def _matches_an_edge(self, matcher: promql.Matcher, series: Series, name: str) -> None:
        edges = exposed_edges(series)
        exactly = matcher.op == promql.MatchOp.Equal
        pattern = re.escape(matcher.value) if exactly else matcher.value
        if not any(re.fullmatch(pattern, edge) for edge in edges):
            self._say(f"{matcher} is no edge of {name}; edges: {', '.join(edges)}")

    def _aggregated(self, node: promql.AggregateExpr) -> Series:
        inner = self.series(node.expr) or _UNKNOWN
        how = str(node.op)
        if node.modifier is None:
            labels = inner.labels if how in _PICK else frozenset()
        elif node.modifier.type == promql.AggModifierType.By:
            self._has(inner, node.modifier.labels, str(node.expr))
            labels = inner.labels if how in _PICK else frozenset(node.modifier.labels)
        else:
            labels = inner.labels - set(node.modifier.labels)
        if node.param is not None and how == "count_values":
            labels |= {node.param.val}
        if how == "sum" and inner.kind in ("counter", "buckets"):
            return replace(_computed(inner), kind="sum of counters", labels=labels)
        of_rates = inner.kind == "rates of buckets" and how in ("sum", "avg")
        kept = inner if how in _SAME_KIND or of_rates else _computed(inner)
        unit = inner.unit if how in _SAME_UNIT or of_rates else ""
        return replace(kept, labels=labels, unit=unit)

    def _called(self, node: promql.Call) -> Series | None:
        function, arguments = node.func.name, node.args
        vectors = [
            (series, str(argument))
            for argument in arguments
            if (series := self.series(argument)) is not None
        ]
        if not vectors:
            # time(), vector(1), pi() and their kind.
            return Series(frozenset()) if function == "vector" else None
        inner, what = vectors[0]
        if function in _OF_COUNTERS:
            return self._rated(function, inner, what)
        if function in _OF_GAUGES:
            if inner.kind in ("counter", "buckets"):
                self._say(f"{function}() of {what}: a counter starts again at zero")
            return _computed(inner)
        if function == "histogram_quantile":
            return self._quantile(inner, what)
        if function in ("absent", "absent_over_time"):
            return Series(_certain_labels(arguments[0]), unit="0 or 1")
        if function in ("label_replace", "label_join"):
            sources = [arguments[3]] if function == "label_replace" else arguments[3:]
            target = arguments[1].val
            self._has(inner, {each.val for each in sources} - {"", target}, what)
            inner = replace(inner, labels=inner.labels | {target})
        if function == "scalar":
            return None
        if function in _KEEP_ALL:
            return inner
        return replace(_computed(inner), unit=inner.unit if function in _KEEP_UNIT else "")

    def _rated(self, function: str, inner: Series, what: str) -> Series:
        if inner.kind in ("gauge", "rates of buckets"):
            self._say(f"{function}() of {what}: that is a gauge, not a counter")
        if inner.kind == "sum of counters":
            self._say(f"{function}() of {what}: take the rate first, then the sum")
        if inner.kind == "buckets":
            return replace(inner, kind="rates of buckets")
        return _computed(inner)

    def _quantile(self, inner: Series, what: str) -> Series:
        if inner.kind == "rates of buckets":
            if "le" not in inner.labels:
                self._say(f"histogram_quantile() of {what}: label le is gone")
        elif inner.kind != "unknown":
            self._say(f"histogram_quantile() of {what}: those are not rates of buckets")
        return replace(inner, kind="gauge", labels=inner.labels - {"le"})

    def _combined(self, node: promql.BinaryExpr) -> Series | None:
        left, right, how = self.series(node.lhs), self.series(node.rhs), str(node.op)
        if left is not None and right is not None:
            return self._matched(node, left, right)
        if left is not None:
            number = _number(node.rhs)
            unit = _scaled(left.unit, how, number, of_number=False)
            return self._with_number(node, node.lhs, left, how, number, unit)
        if right is not None:
            number = _number(node.lhs)
            unit = _scaled(right.unit, how, number, of_number=True)
            return self._with_number(node, node.rhs, right, _MIRRORED.get(how, how), number, unit)
        return None

    def _with_number(
        self,
        node: promql.BinaryExpr,
        side: promql.Expr,
        series: Series,
        how: str,
        number: float | None,
        unit: str,
    ) -> Series:
        if how not in _MIRRORED:
            return replace(_computed(series), unit=unit)
        if number is not None:
            self._compare(series, how, number, str(side))
        is_bool = node.modifier is not None and node.modifier.return_bool
        return replace(_computed(series), unit="0 or 1") if is_bool else series

    def _matched(self, node: promql.BinaryExpr, left: Series, right: Series) -> Series:
        how, modifier = str(node.op), node.modifier
        matching = modifier.matching if modifier is not None else None
        names = frozenset(matching.labels) if matching is not None else frozenset()
        on = matching is not None and matching.type == promql.LabelModifierType.Include
        if on:
            self._has(left, names, str(node.lhs))
            self._has(right, names, str(node.rhs))
        elif how != "or" and _grouped(modifier) is None:
            self._can_match(node, left.labels, right.labels, names)
        if how == "or":
            kept = left if left.kind == right.kind else _computed(left)
            unit = left.unit if left.unit == right.unit else ""
            return replace(kept, labels=left.labels | right.labels, unit=unit)
        if how in _SETS:
            return left
        kept = left if how in _MIRRORED else replace(_computed(left), unit="")
        if modifier is not None and (grouped := _grouped(modifier)) is not None:
            of_left = grouped == promql.VectorMatchCardinality.ManyToOne
            many, one, what = (left, right, node.rhs) if of_left else (right, left, node.lhs)
            more = frozenset(modifier.group_labels or ())
            self._has(one, more, str(what))
            return replace(kept, labels=many.labels | more)
        return replace(kept, labels=names if on else left.labels - names)

    def _can_match(
        self,
        node: promql.BinaryExpr,
        left: frozenset[str],
        right: frozenset[str],
        ignored: frozenset[str],
    ) -> None:
        alone = sorted((left ^ right) - ignored)
        if alone and "*" not in left | right:
            self._say(
                f"{node.lhs} {node.op} {node.rhs}: their labels never match,"
                f" one side alone has {', '.join(alone)}"
            )

    def _compare(self, series: Series, how: str, number: float, what: str) -> None:
        most = {"ratio": 1.0, "percent": 100.0, "0 or 1": 1.0}.get(series.unit)
        if most is not None and (number > most or (how == ">" and number == most)):
            self._say(f"{what} {how} {number:g}: it is {_range(series.unit)}")
        if series.unit == "percent" and 0 < number < 1:
            self._say(f"{what} {how} {number:g}: it is {_range(series.unit)}")
        if series.kind == "gauge" and series.edges and how in (">", ">="):
            highest = series.edges[-1]
            if number > highest or (how == ">" and number == highest):
                self._say(f"{what} {how} {number:g}: a quantile ends at the last edge, {highest:g}")

    def _has(self, series: Series, labels: Iterable[str], what: str) -> None:
        if "*" in series.labels:
            return
        for label in sorted(set(labels) - series.labels):
            self._say(f"{what} has no label {label}; it has {', '.join(sorted(series.labels))}")

    def _say(self, problem: str) -> None:
        self.problems.append(problem)


def _computed(series: Series) -> Series:
    """The same labels and unit, of values that are no longer those of an exporter."""
    unknown = series.kind == "unknown"
    return replace(series, kind="unknown" if unknown else "gauge", edges=(), condition="")


def _grouped(modifier: promql.BinModifier | None) -> Any:
    """ManyToOne with group_left, OneToMany with group_right, else None."""
    cards = promql.VectorMatchCardinality
    card = modifier.card if modifier is not None else None
    return card if card in (cards.ManyToOne, cards.OneToMany) else None


def _range(unit: str) -> str:
    return {"ratio": "a ratio, 0 to 1", "percent": "a percentage, 0 to 100"}.get(unit, unit)


def _scaled(unit: str, how: str, number: float | None, *, of_number: bool) -> str:
    """A ratio made a percentage, the other way, and what is left of the whole."""
    match (unit, how, number, of_number):
        case ("ratio", "*", 100, _):
            return "percent"
        case ("percent", "/", 100, False):
            return "ratio"
        case ("ratio", "-", 1, True) | ("percent", "-", 100, True):
            return unit
    return ""


def _certain_labels(node: Any) -> frozenset[str]:
    """What absent() gives its series: of a selector alone, the labels that are matched exactly."""
    if isinstance(node, promql.MatrixSelector):
        node = node.vector_selector
    if not isinstance(node, promql.VectorSelector):
        return frozenset()
    equal = promql.MatchOp.Equal
    return frozenset(m.name for m in node.matchers.matchers if m.op == equal and m.value)


def _number(node: Any) -> float | None:
    match node:
        case promql.NumberLiteral():
            return float(node.val)
        case promql.ParenExpr():
            return _number(node.expr)
        case promql.UnaryExpr():
            inner = _number(node.expr)
            return None if inner is None else -inner
        case promql.BinaryExpr() if str(node.op) in _ARITHMETIC:
            left, right = _number(node.lhs), _number(node.rhs)
            if left is None or right is None:
                return None
            return _ARITHMETIC[str(node.op)](left, right)
    return None
