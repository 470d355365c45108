"""Every container image by digest: a tag can move under a running name.

https://kubernetes.io/docs/concepts/containers/images/#image-names
"""

import re

from pulumi_policy import ResourceValidationPolicy, Severity

from policies.kubernetes.workloads import containers
from policies.reading import child, shown
from policies.review import Config, Resource, Review, of_resource

# A tag beside the digest is ignored by the runtime, and misleads whoever reads it.
_BY_DIGEST = re.compile(r"[^@\s:]+(:[0-9]+/)?[^@\s:]*@sha256:[0-9a-f]{64}")


def _check(review: Review, subject: Resource, config: Config) -> None:
    for container in containers(review, subject):
        with review.reading(container.place):
            image = child(container.fields, "image")
            if image is None and container.partial:
                continue
            if not (isinstance(image, str) and _BY_DIGEST.fullmatch(image)):
                review.refuse(
                    container.place,
                    found=f"image {shown(image)}",
                    allowed="repository@sha256:<64 hex digits>, no tag",
                    fix="name the digest that was tested, as `crane digest IMAGE` prints it",
                )


POLICY = ResourceValidationPolicy(
    name="kubernetes-container-image-pinned",
    display_name="Images are pinned by digest",
    description="Every container of every workload names its image by digest, not by tag.",
    validate=of_resource(_check),
    severity=Severity.HIGH,
    tags=["images", "kubernetes"],
    remediation_steps="Replace the tag by the digest: repository@sha256:<64 hex digits>.",
    url="https://kubernetes.io/docs/concepts/containers/images/#image-names",
)
