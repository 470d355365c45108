"""Which experts get the tokens: what no engine exports and `expert_metrics/` counts."""

from catalog.alerts import Served, Thresholds
from catalog.alerts.experts import (
    BALANCEDNESS,
    EFFECTIVE_EXPERTS,
    LAYER_TOKENS,
    SHARE,
    ExpertsThresholds,
)
from catalog.dashboards.board import (
    BLUE,
    ORANGE,
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

_BALANCEDNESS = f"{BALANCEDNESS}{{{ENGINES}}}"
_EFFECTIVE = f"{EFFECTIVE_EXPERTS}{{{ENGINES}}}"
_LAYER_TOKENS = f"{LAYER_TOKENS}{{{ENGINES}}}"


def board(served: Served, thresholds: Thresholds) -> Board:
    limits = thresholds.experts
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
            Row("Now", _now(served, limits)),
            Row("Layer and expert", (_layer_and_expert(served, limits),)),
            Row("Over time", _over_time(served, limits)),
            Row("Hot and dead experts", _extremes(served, limits)),
        ),
    )


def _now(served: Served, limits: ExpertsThresholds) -> tuple[Panel, ...]:
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
            limits=(Limit(1 / limits.hot_share_of_even, BLUE),),
            decimals=0,
        ),
        Stat(
            title="Hottest expert",
            description=(
                "Its load in multiples of the even share. Red from"
                f" {limits.hot_share_of_even:g} on, where an alert warns."
            ),
            unit="suffix: x",
            queries=(Query(f"max({_load(served)})"),),
            limits=(Limit(limits.hot_share_of_even, VERMILION),),
            alerts=("ExpertHot",),
            decimals=1,
        ),
        Stat(
            title="Hot experts",
            description=(
                f"In all layers: those with {limits.hot_share_of_even:g} times the even share or"
                " more."
            ),
            unit="short",
            queries=(
                Query(f"count({_load(served)} >= {limits.hot_share_of_even:g}) or vector(0)"),
            ),
            limits=(Limit(1, VERMILION),),
            alerts=("ExpertHot",),
        ),
        Stat(
            title="Dead experts",
            description=(
                f"In all layers: those with less than {limits.dead_share_of_even:g} of the even"
                " share. Their weights fill GPU memory for nothing."
            ),
            unit="short",
            queries=(
                Query(f"count({_load(served)} < {limits.dead_share_of_even:g}) or vector(0)"),
            ),
            limits=(Limit(1, ORANGE),),
            alerts=("ExpertDead",),
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
            queries=(Query(f"max({_LAYER_TOKENS})"),),
            decimals=0,
        ),
    )


def _layer_and_expert(served: Served, limits: ExpertsThresholds) -> Panel:
    hot, dead = limits.hot_share_of_even, limits.dead_share_of_even
    return Matrix(
        title="Load of each expert, in multiples of its even share",
        description=(
            "One row an expert, one column a layer. White is the even share; red gets more, blue"
            " less, darkest blue next to nothing. One red cell in many columns: prompts of one"
            " kind. A red row: an expert number that the router prefers everywhere, which a"
            " faulty conversion of the weights can cause."
        ),
        unit="none",
        queries=(Query(_padded(_load(served), "layer", "expert")),),
        rows="expert",
        columns="layer",
        # ColorBrewer's RdBu, which colour-blind people tell apart; white around 1.
        base_colour="#2166AC",
        limits=(
            Limit(dead, "#67A9CF"),
            Limit(1 - 0.5 * (1 - dead), "#D1E5F0"),
            Limit(1 - 0.2 * (1 - dead), "#F7F7F7"),
            Limit(1 + 0.15 * (hot - 1), "#FDDBC7"),
            Limit(1 + 0.5 * (hot - 1), "#EF8A62"),
            Limit(hot, "#B2182B"),
        ),
        alerts=("ExpertHot", "ExpertDead"),
        decimals=1,
        width=24,
        # A row of the table takes 36 of the 30 pixels that a row of the dashboard has.
        height=round(served.experts * 36 / 30) + 4,
    )


def _over_time(served: Served, limits: ExpertsThresholds) -> tuple[Panel, ...]:
    return (
        HeatMap(
            title="Balancedness of each layer",
            description=(
                "One row a layer; bright is even, dark is one expert that gets far more than the"
                " others. A change of all layers at once comes with a change of the traffic."
            ),
            unit="percentunit",
            queries=(Query(_padded(_BALANCEDNESS, "layer"), "{{layer}}"),),
            maximum=1,
            height=10,
        ),
        TimeSeries(
            title="Load of the hottest expert",
            description=(
                "In multiples of the even share: of all layers the highest, and the mean of their"
                " highest. Both high: every layer has a hot expert. The line is where an alert"
                " warns."
            ),
            unit="suffix: x",
            queries=(
                Query(f"max({_load(served)})", "hottest layer"),
                Query(f"avg(max by (layer) ({_load(served)}))", "mean of the layers"),
            ),
            limits=(Limit(limits.hot_share_of_even),),
            alerts=("ExpertHot",),
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
            queries=(Query(f"max({_LAYER_TOKENS})", "routed"),),
        ),
    )


def _extremes(served: Served, limits: ExpertsThresholds) -> tuple[Panel, ...]:
    load = _padded(_load(served), "layer", "expert")
    return tuple(
        Table(
            title=f"The ten {which} experts",
            description=what,
            unit="suffix: x",
            queries=(Query(f"{function}(10, {load})"),),
            labels=("layer", "expert"),
            value="Times the even share",
            base_colour=ORANGE,
            limits=(
                Limit(limits.dead_share_of_even, BLUE),
                Limit(limits.hot_share_of_even, VERMILION),
            ),
            alerts=(alert,),
            decimals=2,
            highest_first=function == "topk",
            height=15,
        )
        for which, function, alert, what in (
            (
                "hottest",
                "topk",
                "ExpertHot",
                "With expert parallelism these are the ones to hold twice (redundant_experts).",
            ),
            (
                "coldest",
                "bottomk",
                "ExpertDead",
                "Near 0 for long: the traffic does not need them, or the router never finds them.",
            ),
        )
    )


def _load(served: Served) -> str:
    """Of each expert, in multiples of an even share: 1 is what all get where the load is even."""
    return f"{SHARE}{{{ENGINES}}} * {served.experts}"


def _padded(expression: str, *labels: str) -> str:
    """Numbers of one digit get a zero in front: Grafana sorts labels as text."""
    for label in labels:
        expression = f'label_replace({expression}, "{label}", "0$1", "{label}", "(.)")'
    return expression
