"""The provider's configuration: what is accepted, and what comes of it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.aws_provider.cloud import Cloud, require_loopback
from sandbox.aws_provider.eks_layer import EksLayer
from sandbox.aws_provider.kept_calls import KeptMembersLayer, KeptTags, KeptThings
from sandbox.aws_provider.kept_store import KeptStore

_ACCEPTED = (
    "region",
    "defaultTags",
    "allowedAccountIds",
    "endpoints",
    "accessKey",
    "secretKey",
    "token",
    "maxRetries",
    "insecure",
    "s3UsePathStyle",
)
# The engine and the SDK add these to every provider.
_ENGINE_OWN = ("version", "pluginDownloadURL", "__internal", "__defaults")


class ConfigError(Exception):
    """The configuration cannot be used; the message says what and why."""


@dataclass(frozen=True)
class Settings:
    """The provider's settings after a look at their names and forms."""

    region: str
    default_tags: Mapping[str, str] = field(default_factory=dict)
    allowed_accounts: tuple[str, ...] = ()
    endpoints: Mapping[str, str] = field(default_factory=dict)
    access_key: str | None = None
    secret_key: str | None = None


def unknown_settings(given: Mapping[str, Any]) -> list[str]:
    """The names that the provider does not know; every `skip...` flag is known."""
    return sorted(
        name
        for name in given
        if name not in (*_ACCEPTED, *_ENGINE_OWN) and not name.startswith("skip")
    )


def parse_settings(given: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """Settings from the provider's arguments; raises ConfigError."""
    if unknown := unknown_settings(given):
        raise ConfigError(
            f"the sandbox's stand-in for pulumi-aws does not know the setting aws:{unknown[0]}; "
            f"known are {', '.join(_ACCEPTED)} and the skip flags"
        )
    values = {name: _decoded(value) for name, value in given.items()}
    region = (
        values.get("region")
        or environment.get("AWS_REGION")
        or environment.get("AWS_DEFAULT_REGION")
    )
    if not isinstance(region, str) or not region:
        raise ConfigError("no region: set aws:region in the stack or AWS_REGION")
    tags = values.get("defaultTags") or {}
    if isinstance(tags, Mapping) and set(tags) <= {"tags"}:
        tags = tags.get("tags") or {}
    if not isinstance(tags, Mapping) or not all(isinstance(tag, str) for tag in tags.values()):
        raise ConfigError('aws:defaultTags must look like {"tags": {"key": "value"}}')
    endpoints: dict[str, str] = {}
    for entry in values.get("endpoints") or []:
        endpoints |= {str(name): str(url) for name, url in entry.items()}
    return Settings(
        region=region,
        default_tags=dict(tags),
        allowed_accounts=tuple(str(name) for name in values.get("allowedAccountIds") or ()),
        endpoints=endpoints,
        access_key=values.get("accessKey"),
        secret_key=values.get("secretKey"),
    )


def _decoded(value: Any) -> Any:
    """Settings may come as JSON texts."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def state_folder(environment: Mapping[str, str]) -> Path:
    """`$MOE_SANDBOX_DIR`; raises ConfigError where that is not set."""
    if not (found := environment.get("MOE_SANDBOX_DIR")):
        raise ConfigError("MOE_SANDBOX_DIR is not set: it must name the sandbox's state folder")
    return Path(found)


def connect(settings: Settings, environment: Mapping[str, str]) -> tuple[Cloud, KeptStore]:
    """The cloud with what the stand-in adds to it.

    Raises ConfigError, NotLoopbackError or ApiError.
    """
    endpoint = require_loopback(environment.get("AWS_ENDPOINT_URL"))
    folder = state_folder(environment)
    store = KeptStore(folder / "aws")
    cloud = Cloud(
        endpoint=endpoint,
        region=settings.region,
        access_key=settings.access_key or environment.get("AWS_ACCESS_KEY_ID"),
        secret_key=settings.secret_key or environment.get("AWS_SECRET_ACCESS_KEY"),
        endpoints=settings.endpoints,
        layers=(
            KeptThings(store),
            KeptTags(store),
            KeptMembersLayer(store),
            EksLayer(store, folder / "endpoints.json"),
        ),
    )
    account = cloud.facts["account"]
    if settings.allowed_accounts and account not in settings.allowed_accounts:
        raise ConfigError(
            f"the AWS account is {account}, and aws:allowedAccountIds allows only "
            f"{', '.join(settings.allowed_accounts)}"
        )
    return cloud, store


def environment() -> Mapping[str, str]:
    return os.environ
