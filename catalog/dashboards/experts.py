"""Which experts get the tokens: what no engine exports and `expert_metrics/` counts."""

from catalog.alerts import Served, Thresholds
from catalog.dashboards.board import (
    BLUE,
    ORANGE,
    SKY,
    VERMILION,
    Board,
    HeatMap,
    Limit,
    Matrix,
    Panel,
    Query,
    Row,
    Stat,
    Table,
    TimeSeries,
    Variable,
)
from catalog.dashboards.promql import ENGINES

_HOT, _DEAD = 2.5, 0.1

_TOKENS = f"sum by (layer, expert) (rate(moe_expert_tokens_total{{{ENGINES}}}[5m]))"
_LOAD = f"{_TOKENS} / on (layer) group_left () avg by (layer) ({_TOKENS})"
"""Of each expert, in multiples of its fair share: 1 is what it gets where all get the same."""
_BALANCEDNESS = f"avg by (layer) ({_TOKENS}) / max by (layer) ({_TOKENS})"
_EFFECTIVE = f"sum by (layer) ({_TOKENS}) ^ 2 / sum by (layer) (({_TOKENS}) ^ 2)"


def board(served: Served, thresholds: Thresholds) -> Board:
    return Board(
        uid="moe-experts",
        title="MoE serving: experts",
        description=(
            "Which experts of which layers get the tokens. A hot expert overloads a GPU only with"
            " expert parallelism: without it every GPU holds a part of every expert."
        ),
        variables=(
            Variable("namespace", "namespace", "moe_expert_tokens_total", several=False),
            Variable(
                "model",
                "model_name",
                'moe_expert_tokens_total{namespace=~"$namespace"}',
                several=False,
            ),
        ),
        rows=(
            Row("Now", _now(served)),
            Row("Layer and expert", (_layer_and_expert(served),)),
            Row("Over time", _over_time(served)),
            Row("Hot and dead experts", _extremes()),
        ),
    )


def _now(served: Served) -> tuple[Panel, ...]:
    return (
        Stat(
            title="Least balanced layer",
            description=(
                "Balancedness of a layer is the mean load of its experts divided by the highest: 1"
                " is even. With expert parallelism it is the share of its GPUs' time that the layer"
                " can use."
            ),
            unit="percentunit",
            queries=(Query(f"min({_BALANCEDNESS})"),),
            base_colour=ORANGE,
            limits=(Limit(1 / _HOT, BLUE),),
            decimals=0,
        ),
        Stat(
            title="Hottest expert",
            description=(
                "Its load in multiples of the fair share. Red from"
                f" {_HOT:g} on, where an alert warns."
            ),
            unit="suffix: x",
            queries=(Query(f"max({_LOAD})"),),
            limits=(Limit(_HOT, VERMILION),),
            alerts=("HotExpert",),
            decimals=1,
        ),
        Stat(
            title="Hot experts",
            description=f"In all layers: those with {_HOT:g} times the fair share or more.",
            unit="short",
            queries=(Query(f"count({_LOAD} >= {_HOT:g}) or vector(0)"),),
            limits=(Limit(1, VERMILION),),
            alerts=("HotExpert",),
        ),
        Stat(
            title="Dead experts",
            description=(
                f"In all layers: those with less than {_DEAD:g} of the fair share. Their weights"
                " fill GPU memory for nothing."
            ),
            unit="short",
            queries=(Query(f"count({_LOAD} < {_DEAD:g}) or vector(0)"),),
            limits=(Limit(1, ORANGE),),
            alerts=("DeadExpert",),
        ),
        Stat(
            title="Effective experts",
            description=(
                "In the least balanced layer: how many experts with the same load would make this"
                f" picture; {served.experts} where all get the same."
            ),
            unit="short",
            queries=(Query(f"min({_EFFECTIVE})"),),
            decimals=1,
            maximum=served.experts,
        ),
        Stat(
            title="Tokens a layer routes",
            description=(
                "In a second, each to several experts. With few of them the shares on this"
                " dashboard are chance."
            ),
            unit="suffix: tok/s",
            queries=(Query(f"max(sum by (layer) ({_TOKENS}))"),),
            decimals=0,
        ),
    )


def _layer_and_expert(served: Served) -> Panel:
    return Matrix(
        title="Load of each expert, in multiples of its fair share",
        description=(
            "One row an expert, one column a layer. White is the fair share; red gets more, blue"
            " less, darkest blue next to nothing. One red cell in many columns: prompts of one"
            " kind. A red row: an expert number that the router prefers everywhere, which a"
            " faulty conversion of the weights can cause."
        ),
        unit="none",
        queries=(Query(_padded(_LOAD)),),
        rows="expert",
        columns="layer",
        # ColorBrewer's RdBu, which colour-blind people tell apart.
        base_colour="#2166AC",
        limits=(
            Limit(_DEAD, "#67A9CF"),
            Limit(0.5, "#D1E5F0"),
            Limit(0.8, "#F7F7F7"),
            Limit(1.25, "#FDDBC7"),
            Limit((1.25 + _HOT) / 2, "#EF8A62"),
            Limit(_HOT, "#B2182B"),
        ),
        alerts=("HotExpert", "DeadExpert"),
        decimals=1,
        width=24,
        # A row of the table takes 36 of the 30 pixels that a row of the dashboard has.
        height=round(served.experts * 36 / 30) + 4,
    )


def _over_time(served: Served) -> tuple[Panel, ...]:
    return (
        HeatMap(
            title="Balancedness of each layer",
            description=(
                "One row a layer; bright is even, dark is one expert that gets far more than the"
                " others. A change of all layers at once comes with a change of the traffic."
            ),
            unit="percentunit",
            queries=(Query(_padded(_BALANCEDNESS), "{{layer}}"),),
            maximum=1,
            height=10,
        ),
        TimeSeries(
            title="Load of the hottest expert",
            description=(
                "In multiples of the fair share: of all layers the highest, and the mean of their"
                " highest. Both high: every layer has a hot expert. The line is where an alert"
                " warns."
            ),
            unit="suffix: x",
            queries=(
                Query(f"max({_LOAD})", "hottest layer"),
                Query(f"avg(max by (layer) ({_LOAD}))", "mean of the layers"),
            ),
            limits=(Limit(_HOT),),
            alerts=("HotExpert",),
            height=10,
        ),
        TimeSeries(
            title="Effective experts",
            description=(
                "Mean of the layers, and the least of them; all experts where the load is even."
            ),
            unit="short",
            queries=(
                Query(f"avg({_EFFECTIVE})", "mean of the layers"),
                Query(f"min({_EFFECTIVE})", "least balanced layer"),
            ),
            maximum=served.experts,
        ),
        TimeSeries(
            title="Tokens a layer routes",
            description="In a second; where this is near 0 the panels above show chance.",
            unit="suffix: tok/s",
            queries=(Query(f"max(sum by (layer) ({_TOKENS}))", "routed"),),
        ),
    )


def _extremes() -> tuple[Panel, ...]:
    return tuple(
        Table(
            title=f"The ten {which} experts",
            description=what,
            unit="suffix: x",
            queries=(Query(f"{function}(10, {_padded(_LOAD)})"),),
            labels=("layer", "expert"),
            value="Times the fair share",
            base_colour=SKY,
            limits=(Limit(_DEAD, BLUE), Limit(_HOT, VERMILION)),
            alerts=(alert,),
            decimals=2,
            height=10,
        )
        for which, function, alert, what in (
            (
                "hottest",
                "topk",
                "HotExpert",
                "With expert parallelism these are the ones to hold twice (redundant_experts).",
            ),
            (
                "coldest",
                "bottomk",
                "DeadExpert",
                "Near 0 for long: the traffic does not need them, or the router never finds them.",
            ),
        )
    )


def _padded(expression: str) -> str:
    """Numbers of one digit get a zero in front: Grafana sorts labels as text."""
    for label in ("layer", "expert"):
        expression = f'label_replace({expression}, "{label}", "0$1", "{label}", "(.)")'
    return expression
