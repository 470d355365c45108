"""A Helm release has the time to become ready, is waited for, and leaves nothing half done.

Helm's five minutes are shorter than it takes to start an operator on new nodes. What
a failed release leaves behind blocks the next `up` ("another operation is in
progress"); without waiting, what depends on the release starts too early
(pulumi-kubernetes#4389, #2921, #1697).
"""

from pulumi_policy import ResourceValidationPolicy, Severity

from policies.kubernetes.helm_releases import RELEASE
from policies.quantities import quantity
from policies.reading import child, is_true, shown
from policies.review import Config, Resource, Review, of_resource

_MIN_TIMEOUT_S = 600


def _check(review: Review, subject: Resource, config: Config) -> None:
    if subject.type != RELEASE:
        return
    if len(subject.props) == 0:
        review.has_no_properties(subject.place)
        return
    with review.reading(subject.place):
        timeout = child(subject.props, "timeout")
        seconds = quantity(timeout)
        if seconds is None or seconds < _MIN_TIMEOUT_S:
            review.refuse(
                subject.place,
                found="no timeout, so Helm's 300 seconds"
                if timeout is None
                else f"timeout {shown(timeout)}",
                allowed=f"{_MIN_TIMEOUT_S} seconds or more",
                fix="set timeout to the longest that it may take on new nodes",
            )
    with review.reading(subject.place):
        if is_true(child(subject.props, "skipAwait")):
            review.refuse(
                subject.place,
                found="skipAwait true",
                allowed="false",
                fix="leave it out, so that what depends on the release finds it ready",
            )
    with review.reading(subject.place):
        if not is_true(atomic := child(subject.props, "atomic")):
            review.refuse(
                subject.place,
                found=f"atomic {shown(atomic)}",
                allowed="true",
                fix="set it, so that a failed release is taken back",
            )


POLICY = ResourceValidationPolicy(
    name="kubernetes-helm-release-settles",
    display_name="Helm releases settle",
    description="A Helm release waits long enough for what it installs, and is taken back where"
    " that fails.",
    validate=of_resource(_check),
    severity=Severity.MEDIUM,
    tags=["helm", "kubernetes"],
    remediation_steps=f"Set timeout to {_MIN_TIMEOUT_S} seconds or more and atomic to true, and"
    " leave skipAwait out.",
    url="https://www.pulumi.com/registry/packages/kubernetes/api-docs/helm/v3/release/",
)
