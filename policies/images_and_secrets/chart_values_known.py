"""Values of a third-party chart are ones that the chart knows.

Helm ignores a misspelt key in silence: the operator then runs by its default, and nobody is
told. The keys are those of the charts in `catalog/chart_values/`, of one version each.
"""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy import PolicyConfigSchema, ResourceValidationPolicy, Severity
from pulumi_policy.proxy import UnknownValueError

from catalog.charts import CHARTS, Chart, described_version, known_values, unknown_values
from policies.choices import texts, texts_schema
from policies.kubernetes.helm_releases import CHART, RELEASE, is_of
from policies.reading import child, shown
from policies.review import Config, Resource, Review, of_resource

_VALUES = "values"
_FILES = "valueYamlFiles"


def _check(review: Review, subject: Resource, config: Config) -> None:
    if subject.type not in (RELEASE, CHART):
        return
    if len(subject.props) == 0:
        review.has_no_properties(subject.place)
        return
    with review.reading(subject.place):
        name = child(subject.props, "chart")
        for chart in (each for each in CHARTS.values() if is_of(name, each)):
            with review.reading(subject.place):
                _check_values(review, subject, chart, texts(config, "knownKeys"))
            with review.reading(subject.place):
                if child(subject.props, _FILES):
                    review.could_not_check(subject.place, f"keys in the files of {_FILES}")


def _check_values(review: Review, subject: Resource, chart: Chart, known: tuple[str, ...]) -> None:
    unread: list[tuple[str, ...]] = []
    keys = _keys(child(subject.props, _VALUES), (), unread)
    for path in unread:
        # A value that is no map there has no keys that could be wrong.
        if isinstance(child(known_values(chart), *path), Mapping):
            review.could_not_check(
                subject.place, f"keys of {'.'.join((_VALUES, *path))}, which is not known yet"
            )
    for path_text in unknown_values(chart, keys):
        if f"{chart.name}:{path_text}" not in known:
            _say(review, subject, chart, path_text)


def _say(review: Review, subject: Resource, chart: Chart, path: str) -> None:
    version = child(subject.props, "version")
    described = described_version(chart)
    close = _close_match(chart, path)
    meant = f"; did you mean {close}?" if close else ""
    if shown(version).removeprefix("v") != described.removeprefix("v"):
        review.could_not_check(
            subject.place,
            f"whether chart {chart.name} {shown(version)} knows {_VALUES}.{path}:"
            f" {described} does not{meant}",
        )
        return
    review.refuse(
        subject.place,
        found=f"{_VALUES}.{path}, which chart {chart.name} {described} does not know{meant}",
        allowed="keys of the chart's own values.yaml",
        fix=f"write {close}" if close else "correct the key, or leave it out",
    )


def _keys(value: Any, path: tuple[str, ...], unread: list[tuple[str, ...]]) -> dict[str, Any]:
    """The maps of `value` with nothing in place of anything else; `unread` gets the unknown."""
    found: dict[str, Any] = {}
    for key in value if isinstance(value, Mapping) else ():
        here = (*path, key)
        try:
            inner = child(value, key)
        except UnknownValueError:
            unread.append(here)
            inner = None
        found[key] = _keys(inner, here, unread) if isinstance(inner, Mapping) else None
    return found


def _close_match(chart: Chart, path: str) -> str | None:
    """The key of the chart that is written most like it, or has the same name elsewhere."""
    known = list(_dotted(known_values(chart), ()))
    close = difflib.get_close_matches(path, known, n=1, cutoff=0.8)
    last = path.rsplit(".", 1)[-1]
    moved = [each for each in known if each.rsplit(".", 1)[-1] == last]
    return next(iter(close or (moved if len(moved) == 1 else [])), None)


def _dotted(values: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    for key, inner in values.items():
        yield ".".join((*path, key))
        if isinstance(inner, Mapping):
            yield from _dotted(inner, (*path, key))


POLICY = ResourceValidationPolicy(
    name="kubernetes-helm-values-known",
    display_name="Charts know the values that they get",
    description="No value of a third-party chart has a key that Helm would ignore in silence.",
    validate=of_resource(_check),
    severity=Severity.MEDIUM,
    tags=["helm", "kubernetes"],
    remediation_steps="Correct the key by the values.yaml of the chart's version.",
    url="https://helm.sh/docs/chart_template_guide/values_files/",
    config_schema=PolicyConfigSchema(
        properties={
            "knownKeys": texts_schema(
                "Keys that templates of a chart read although its values.yaml does"
                " not have them, such as gpu-operator:dcgmExporter.config.name."
            )
        }
    ),
)
