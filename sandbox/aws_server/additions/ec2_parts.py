"""How EC2 is extended: a part for its responses, a part for its backend, a prefix for its ids."""

from typing import Any

from moto.ec2.models import EC2Backend, ec2_backends
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.responses import EC2Response
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, EC2_RESOURCE_TO_PREFIX


class Described(TaggedEC2Resource):
    """Something that a Describe call lists; each of its attributes is a filter, set or not."""

    def get_filter_value(self, filter_name: str, method_name: str | None = None) -> Any:
        attribute = filter_name.replace("-", "_")
        if hasattr(self, attribute):
            value = getattr(self, attribute)
            return "" if value is None else value
        return super().get_filter_value(filter_name, method_name)


def add_backend(part: Any) -> None:
    """Make `part` a base of the EC2 backend, whose constructor calls that of each of its bases."""
    if part in EC2Backend.__bases__:
        return
    EC2Backend.__bases__ += (part,)
    for _, _, backend in ec2_backends.iter_backends():
        part.__init__(backend)


def add_responses(part: type) -> None:
    """Make `part` a base of the EC2 responses; its methods are the actions that it answers."""
    if part not in EC2Response.__bases__:
        EC2Response.__bases__ += (part,)


def add_id_prefix(resource: str, prefix: str) -> None:
    """Let things with such ids carry tags."""
    EC2_RESOURCE_TO_PREFIX[resource] = prefix
    EC2_PREFIX_TO_RESOURCE[prefix] = resource
