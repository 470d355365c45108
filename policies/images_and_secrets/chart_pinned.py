"""Every Helm chart by an exact version, from a repository that cannot be read on the way.

Without a version Helm takes the newest at every `up`, and of a range the newest inside it;
over plain http whoever is in between chooses what runs. A folder or archive beside the
program is of one version by itself.
https://helm.sh/docs/chart_best_practices/dependencies/#versions
"""

import re

from pulumi_policy import PolicyConfigSchema, ResourceValidationPolicy, Severity

from policies.choices import texts, texts_schema
from policies.kubernetes.helm_releases import CHART, OLD_CHART, RELEASE
from policies.reading import child, is_true, shown
from policies.review import Config, Resource, Review, of_resource

# Semantic versions, of which Helm takes those with a `v` too.
_EXACT = re.compile(r"v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_ARCHIVE = re.compile(r"https://.+-v?\d+\.\d+\.\d+[\w.+-]*\.tgz")
_DIGEST = re.compile(r"oci://.+@sha256:[0-9a-f]{64}")
_PASSWORD = re.compile(r"//[^/@]*@")
_HERE = ("./", "../", "/")


def _check(review: Review, subject: Resource, config: Config) -> None:
    if subject.type not in (RELEASE, CHART, OLD_CHART):
        return
    if len(subject.props) == 0:
        review.has_no_properties(subject.place)
        return
    with review.reading(subject.place):
        _check_source(review, subject, texts(config, "allowedRepositories"))
    with review.reading(subject.place):
        chart, version = child(subject.props, "chart"), child(subject.props, "version")
        if not _is_one_version(chart) and not (
            isinstance(version, str) and _EXACT.fullmatch(version)
        ):
            review.refuse(
                subject.place,
                found=f"version {shown(version)} of chart {_without_password(chart)}",
                allowed="an exact version such as 1.2.3",
                fix="set version to the one that was tested, as `helm search repo` shows it",
            )
    with review.reading(subject.place):
        if is_true(child(subject.props, "devel")) and child(subject.props, "version") is None:
            review.refuse(
                subject.place,
                found="devel true",
                allowed="false, so that no pre-release is chosen",
                fix="leave it out, and name the version",
            )


def _check_source(review: Review, subject: Resource, allowed: tuple[str, ...]) -> None:
    chart = child(subject.props, "chart")
    repository = child(subject.props, "repositoryOpts", "repo")
    plain = is_true(child(subject.props, "plainHttp"))
    for source in (repository, chart):
        if isinstance(source, str) and (source.lower().startswith("http://") or plain):
            review.refuse(
                subject.place,
                found=f"{_without_password(source)}{' with plainHttp' if plain else ''}",
                allowed="https:// or oci://, encrypted",
                fix="take the chart from a repository with TLS",
            )
            return
    if not allowed or (isinstance(chart, str) and chart.startswith(_HERE)):
        return
    source = repository or chart
    if not (isinstance(source, str) and any(_is_below(source, each) for each in allowed)):
        review.refuse(
            subject.place,
            found=f"repository {_without_password(source)}",
            allowed=f"one that starts with {', '.join(allowed)}",
            fix="take the chart from there, or have its repository allowed",
        )


def _is_below(source: str, folder: str) -> bool:
    """Whole parts of the address: charts.example.com is not charts.example.com.elsewhere.net."""
    return f"{source.rstrip('/')}/".startswith(f"{folder.rstrip('/')}/")


def _without_password(source: object) -> str:
    return _PASSWORD.sub("//", shown(source))


def _is_one_version(chart: object) -> bool:
    return isinstance(chart, str) and (
        chart.startswith(_HERE)
        or _ARCHIVE.fullmatch(chart) is not None
        or _DIGEST.fullmatch(chart) is not None
    )


POLICY = ResourceValidationPolicy(
    name="kubernetes-helm-chart-pinned",
    display_name="Charts are pinned",
    description="Every Helm chart names an exact version, and comes over an encrypted connection.",
    validate=of_resource(_check),
    severity=Severity.HIGH,
    tags=["helm", "images", "kubernetes"],
    remediation_steps="Set version to an exact one, and repositoryOpts.repo to an https:// or"
    " oci:// address.",
    url="https://www.pulumi.com/registry/packages/kubernetes/api-docs/helm/v3/release/",
    config_schema=PolicyConfigSchema(
        properties={
            "allowedRepositories": texts_schema(
                "Beginnings of the addresses that charts may come from; with none,"
                " any that is encrypted. Charts in folders of the program are always allowed."
            )
        }
    ),
)
