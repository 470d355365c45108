"""Types that sections share, and the error of a value that does not go with others."""

from typing import Annotated

from pydantic import StringConstraints
from pydantic_core import PydanticCustomError

Zone = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d[a-z]$")]
InstanceTypePattern = Annotated[str, StringConstraints(pattern=r"^[a-z]\w*\.\w+$")]
AmiReleaseVersion = Annotated[str, StringConstraints(pattern=r"^1\.\d{2}\.\d+-\d{8}$")]
SecretName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)
]
KmsKeyArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[\w-]*:kms:[\w-]+:\d{12}:key/[\w-]+$")
]


def refused(key: str, value: object, allowed: str) -> PydanticCustomError:
    """The error of a value that is well-formed but not allowed beside the others.

    `key` is relative to the model whose validator raises it.
    """
    return PydanticCustomError(
        "not_allowed",
        "{key} {value} is not allowed; allowed: {allowed}",
        {"key": key, "value": str(value), "allowed": allowed},
    )
