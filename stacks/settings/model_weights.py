"""Where an engine reads the model's weights from."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from catalog.section import Section
from catalog.startup import FILE_SYSTEM_MIB_PER_S, HUB_MIB_PER_S, S3_MIB_PER_S
from stacks.settings.section import SecretName, refused

BucketName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
Prefix = Annotated[str, StringConstraints(pattern=r"^[\w.-]+(/[\w.-]+)*$")]


class InstanceStoreWeights(Section):
    """Each engine downloads from Hugging Face to the NVMe disks of its node."""

    kind: Literal["instance_store"]
    """`instance_store`"""
    hugging_face_token_secret: SecretName | None = None
    """Name of a Secret in the model's namespace with key `token`, for gated models."""
    slowest_mib_per_s: Annotated[int, Field(ge=10, le=20000)] = HUB_MIB_PER_S
    """Slowest read of the weights that a start must survive."""


class BucketWeights(Section):
    """Weights that are in a bucket, whichever way engines read them."""

    kind: Literal["s3", "fsx_lustre"]
    bucket: BucketName | None = None
    """A bucket that exists; none: the stack makes one and keeps it."""
    prefix: Prefix = "models"
    """Folder in the bucket; the weights are in <prefix>/<model>/<revision>."""

    def bucket_name(self, name: str, account_id: str) -> str:
        """The setting's bucket, or the stack's own: `name` is moe-<stack>-weights."""
        return self.bucket or f"{name}-{account_id}"


class S3Weights(BucketWeights):
    """Each engine streams from S3 to its GPUs, and only it may read there."""

    kind: Literal["s3"]
    """`s3`"""
    slowest_mib_per_s: Annotated[int, Field(ge=10, le=20000)] = S3_MIB_PER_S
    """Slowest read of the weights that a start must survive."""


class FsxLustreWeights(BucketWeights):
    """A Lustre file system in the zone of the GPUs, filled from S3, mounted read-only."""

    kind: Literal["fsx_lustre"]
    """`fsx_lustre`"""
    storage_gib: Annotated[int, Field(ge=1200, le=100800)] = 1200
    """Size of the file system: 1200, or a multiple of 2400."""
    throughput_mib_per_s_per_tib: Literal[125, 250, 500, 1000] = 500
    """Throughput of the disks for each TiB of the size."""
    slowest_mib_per_s: Annotated[int, Field(ge=10, le=20000)] = FILE_SYSTEM_MIB_PER_S
    """Slowest read of the weights that a start must survive."""

    @model_validator(mode="after")
    def _size_exists(self) -> Self:
        if self.storage_gib != 1200 and self.storage_gib % 2400:
            raise refused("storage_gib", self.storage_gib, "1200, or a multiple of 2400")
        return self


ModelWeightsSettings = Annotated[
    InstanceStoreWeights | S3Weights | FsxLustreWeights, Field(discriminator="kind")
]
