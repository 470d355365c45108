"""How an engine reads the weights: what vLLM is told, and what its pod gets for it."""

import json
import math
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import core, meta

from catalog import memory_fit, models
from catalog.startup import startup_budget_s
from stacks.settings.model_server import ModelServerSettings
from stacks.settings.model_weights import (
    FsxLustreWeights,
    InstanceStoreWeights,
    ModelWeightsSettings,
    S3Weights,
)

_MOUNT_PATH = "/models"
FILE_SYSTEM_VOLUME = "weights"
_KERNELS_GIB = 20
"""Compiled kernels and graphs of vLLM, generously."""


@dataclass(frozen=True, slots=True)
class MountedFileSystem:
    """A Lustre file system as the CSI driver wants it named; its root is the setting's prefix."""

    id: pulumi.Output[str]
    dns_name: pulumi.Output[str]
    mount_name: pulumi.Output[str]
    storage_gib: int


@dataclass(frozen=True, slots=True)
class WeightsSource:
    """`bucket` and `file_system` are there where the settings want them."""

    settings: ModelWeightsSettings
    server: ModelServerSettings
    bucket: str | None = None
    file_system: MountedFileSystem | None = None

    @property
    def location(self) -> str:
        """What vLLM is told to serve: a Hugging Face id, a URL of S3, or a folder."""
        folder = self.server.weights_folder
        match self.settings:
            case S3Weights(prefix=prefix):
                return f"s3://{self.bucket}/{prefix}/{folder}"
            case FsxLustreWeights():
                return f"{_MOUNT_PATH}/{folder}"
            case InstanceStoreWeights():
                return self.server.model

    @property
    def startup_s(self) -> int:
        model = models.model(self.server.model)
        return startup_budget_s(model, slowest_mib_per_s=self.settings.slowest_mib_per_s)

    @property
    def disk_gib(self) -> int:
        """Room for compiled kernels, and for the weights where they are kept beside them."""
        if not isinstance(self.settings, InstanceStoreWeights):
            return _KERNELS_GIB
        weights_gib = memory_fit.weights_gib(models.model(self.server.model))
        return math.ceil(weights_gib * 1.1) + _KERNELS_GIB

    def flags(self) -> list[str]:
        """The Run:ai streamer reads many files at once to the GPUs, each rank its share.

        vLLM docs, "Loading models with Run:ai Model Streamer".
        """
        if isinstance(self.settings, InstanceStoreWeights):
            return [f"--revision={self.server.revision}"]
        share = json.dumps({"distributed": self.server.gpus_per_pod > 1})
        return ["--load-format=runai_streamer", f"--model-loader-extra-config={share}"]

    @property
    def token_secret(self) -> str | None:
        """The Secret with the token that Hugging Face is asked with."""
        if isinstance(self.settings, InstanceStoreWeights):
            return self.settings.hugging_face_token_secret
        return None

    def environment(self) -> list[core.v1.EnvVarArgs]:
        if self.token_secret is None:
            return []
        selector = core.v1.SecretKeySelectorArgs(name=self.token_secret, key="token")
        source = core.v1.EnvVarSourceArgs(secret_key_ref=selector)
        return [core.v1.EnvVarArgs(name="HF_TOKEN", value_from=source)]

    def volumes(
        self, name: str, namespace: pulumi.Input[str], opts: pulumi.ResourceOptions
    ) -> list[core.v1.VolumeArgs]:
        """The pod's read-only volume of the file system; declares what it claims."""
        if self.file_system is None:
            return []
        claim = core.v1.PersistentVolumeClaimVolumeSourceArgs(
            claim_name=_claim(name, self.file_system, namespace, opts).metadata.name,
            read_only=True,
        )
        return [core.v1.VolumeArgs(name=FILE_SYSTEM_VOLUME, persistent_volume_claim=claim)]

    def mounts(self) -> list[core.v1.VolumeMountArgs]:
        if self.file_system is None:
            return []
        return [
            core.v1.VolumeMountArgs(name=FILE_SYSTEM_VOLUME, mount_path=_MOUNT_PATH, read_only=True)
        ]


def _claim(
    name: str,
    file_system: MountedFileSystem,
    namespace: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> core.v1.PersistentVolumeClaim:
    """Static provisioning: the CSI driver needs no right in AWS for it."""
    size = {"storage": f"{file_system.storage_gib}Gi"}
    volume = core.v1.PersistentVolume(
        name,
        spec=core.v1.PersistentVolumeSpecArgs(
            capacity=size,
            volume_mode="Filesystem",
            access_modes=["ReadOnlyMany"],
            persistent_volume_reclaim_policy="Retain",
            storage_class_name="",
            csi=core.v1.CSIPersistentVolumeSourceArgs(
                driver="fsx.csi.aws.com",
                volume_handle=file_system.id,
                read_only=True,
                volume_attributes={
                    "dnsname": file_system.dns_name,
                    "mountname": file_system.mount_name,
                },
            ),
        ),
        opts=opts,
    )
    return core.v1.PersistentVolumeClaim(
        name,
        metadata=meta.v1.ObjectMetaArgs(namespace=namespace),
        spec=core.v1.PersistentVolumeClaimSpecArgs(
            access_modes=["ReadOnlyMany"],
            storage_class_name="",
            volume_name=volume.metadata.name,
            resources=core.v1.VolumeResourceRequirementsArgs(requests=size),
        ),
        opts=opts,
    )
