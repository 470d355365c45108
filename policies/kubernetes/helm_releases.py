"""Helm releases of a stack, and the values that their charts get."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi_policy import PolicyResource

from catalog.charts import Chart
from policies.aws.node_groups import of_type
from policies.declared import declared
from policies.reading import child
from policies.review import Place, Review, UnreadableError, noted_once, resource

RELEASE = "kubernetes:helm.sh/v3:Release"
CHART = "kubernetes:helm.sh/v4:Chart"
OLD_CHART = "kubernetes:helm.sh/v3:Chart"
"""What it holds is made by Pulumi, and seen by every policy. Its own inputs the provider
(4.25) does not pass on, so that policies of them can only say so."""


@dataclass(frozen=True, slots=True)
class Release:
    """One installation of a chart."""

    place: Place
    props: Mapping[str, Any]

    def value(self, *path: str) -> Any:
        """What the chart is given at `path`; None where its own default holds.

        Raises UnreadableError where a file of values may say more.
        """
        found = child(self.props, "values", *path)
        if found is None and child(self.props, "valueYamlFiles"):
            raise UnreadableError(f"{'.'.join(path)} may be set by a file of valueYamlFiles")
        return found


@noted_once
def releases_of(
    review: Review, resources: Sequence[PolicyResource], chart: Chart
) -> Iterator[Release]:
    for member in of_type(resources, RELEASE):
        place = resource(member).place
        if (props := declared(member)) is None:
            review.has_no_properties(place)
            continue
        with review.reading(place):
            if is_of(child(props, "chart"), chart):
                yield Release(place, props)


def is_of(source: Any, chart: Chart) -> bool:
    """A chart comes by its name, as a folder or archive, or by a URL that ends in it."""
    if not isinstance(source, str):
        return False
    last = source.rstrip("/").rsplit("/", 1)[-1]
    return re.fullmatch(rf"{re.escape(chart.name)}(-v?\d[\w.+-]*\.tgz)?", last) is not None
