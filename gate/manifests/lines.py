"""The file and line that a finding is about."""

from gate.manifests.objects import Object
from gate.report import Place
from policies.kubernetes.workloads import containers
from policies.review import Resource, Review


def place_of(each: Object, message: str) -> Place:
    """The container that the message begins with, else the object."""
    line = each.line
    # Without its URN, so that the parsed maps are walked, which know their lines.
    subject = Resource(each.type, each.name, "", each.props)
    for container in containers(Review(_says_nothing), subject):
        if message.startswith((f"{container.place.text}:", f"{container.place.text},")):
            line = each.first_line + getattr(container.fields, "line", 1) - 1
    return Place(each.file, line)


def _says_nothing(message: str, urn: str | None = None) -> None:
    """Walking refuses nothing."""
