"""AWS as the table sees it: moto for what moto has, the kept store for the rest.

Every call is checked against botocore's service model first, whoever answers it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.validate import ParamValidator

from sandbox.aws_provider.convert import coerce, listed

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class ApiError(Exception):
    """An AWS call that failed: the operation, AWS's code and AWS's message."""

    def __init__(self, operation: str, code: str, message: str) -> None:
        super().__init__(f"{operation}: {code}: {message}")
        self.operation = operation
        self.code = code

    @property
    def means_gone(self) -> bool:
        # EC2 puts the kind of thing into the code: InvalidVpcID.NotFound.
        return bool(re.search(r"NotFound|^NoSuch|\.Unknown$", self.code))


class NotLoopbackError(Exception):
    """An endpoint that is not on this machine; the stand-in must never reach real AWS."""


def require_loopback(url: str | None) -> str:
    """The URL, if it is one of this machine; raises NotLoopbackError otherwise."""
    host = urlsplit(url or "").hostname
    if not url or host not in _LOOPBACK:
        raise NotLoopbackError(
            "the sandbox's stand-in for pulumi-aws only talks to the sandbox: AWS_ENDPOINT_URL "
            f"must be an address of this machine ({', '.join(_LOOPBACK)}), but is "
            f"{url or 'not set'}; with a real account use the real pulumi-aws plugin"
        )
    return url


class Layer:
    """Something that answers some calls in moto's place, or completes moto's answers.

    This one leaves every call as it is.
    """

    def serves(self, client: str, operation: str, params: Mapping[str, Any]) -> bool:
        """Whether `answer` is to be asked and moto is not."""
        return False

    def answer(
        self, cloud: Cloud, client: str, operation: str, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The answer to a call that it serves; raises ApiError."""
        raise NotImplementedError

    def before(self, cloud: Cloud, client: str, operation: str, params: Mapping[str, Any]) -> None:
        """Called before a call is answered; raises ApiError to refuse it."""

    def after(
        self,
        cloud: Cloud,
        client: str,
        operation: str,
        params: Mapping[str, Any],
        answer: dict[str, Any],
    ) -> dict[str, Any]:
        """The answer to give to the caller, after any answer."""
        return answer


class Cloud:
    """One region of one account. `facts` are region, account, partition and their kin."""

    def __init__(
        self,
        *,
        endpoint: str,
        region: str,
        access_key: str | None,
        secret_key: str | None,
        endpoints: Mapping[str, str] | None = None,
        layers: tuple[Layer, ...] = (),
    ) -> None:
        self._endpoint = require_loopback(endpoint)
        self._endpoints = {name: require_loopback(url) for name, url in (endpoints or {}).items()}
        self._session: Any = boto3.session.Session(
            aws_access_key_id=access_key or "unset",
            aws_secret_access_key=secret_key or "unset",
            region_name=region,
        )
        self._clients: dict[str, Any] = {}
        self._layers = layers
        found = self._session.get_partition_for_region(region)
        self.facts: dict[str, str] = {
            "region": region,
            "partition": found,
            "dns_suffix": "amazonaws.com.cn" if found == "aws-cn" else "amazonaws.com",
            "reverse_dns": "cn.com.amazonaws" if found == "aws-cn" else "com.amazonaws",
            "account": "",
        }
        # S3 takes no name for the region that it began in.
        if region != "us-east-1":
            self.facts["location_constraint"] = region
        self.facts["account"] = self.call("sts", "get_caller_identity", {})["Account"]

    def client(self, name: str) -> Any:
        if name not in self._clients:
            self._clients[name] = self._session.client(
                name,
                endpoint_url=self._endpoints.get(name, self._endpoint),
                config=Config(
                    # No proxy: a loopback address must stay on this machine.
                    proxies={},
                    retries={"mode": "standard", "total_max_attempts": 3},
                    # No host `<bucket>.localhost` either.
                    s3={"addressing_style": "path"},
                ),
            )
        return self._clients[name]

    def operation(self, client: str, operation: str) -> Any:
        """botocore's model of an operation, by boto3's method name."""
        meta = self.client(client).meta
        return meta.service_model.operation_model(meta.method_to_api_mapping[operation])

    def call(self, client: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Make one call. Raises ApiError, also for parameters that the service model refuses."""
        model = self.operation(client, operation)
        shape = model.input_shape
        wanted = coerce(params, shape) if shape else {}
        self._validate(model, wanted)
        for layer in self._layers:
            layer.before(self, client, operation, wanted)
        server = next((la for la in self._layers if la.serves(client, operation, wanted)), None)
        if server:
            answer = server.answer(self, client, operation, wanted)
        else:
            answer = self._send(model.name, client, operation, wanted)
        for layer in self._layers:
            answer = layer.after(self, client, operation, wanted, answer)
        return answer

    def _validate(self, model: Any, params: Mapping[str, Any]) -> None:
        if model.input_shape is None:
            return
        # botocore fills in the members that only make a call repeatable.
        filled = dict.fromkeys(model.idempotent_members, "0" * 32)
        report = ParamValidator().validate({**filled, **params}, model.input_shape)
        if report.has_errors():
            raise ApiError(model.name, "ParamValidationError", one_line(report.generate_report()))
        for path, value, allowed in enum_violations(params, model.input_shape, ""):
            raise ApiError(
                model.name,
                "ValidationException",
                f"{path} is {value!r}, which AWS does not know; allowed: {listed(allowed)}",
            )

    def _send(
        self, name: str, client: str, operation: str, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        try:
            answer = getattr(self.client(client), operation)(**params)
        except ClientError as error:
            found = error.response.get("Error", {})
            code, message = str(found.get("Code", "Unknown")), str(found.get("Message", ""))
            raise ApiError(name, code, one_line(message)) from None
        except (ParamValidationError, BotoCoreError) as error:
            raise ApiError(name, type(error).__name__, one_line(str(error))) from None
        answer.pop("ResponseMetadata", None)
        return dict(answer)


def enum_violations(value: Any, shape: Any, path: str) -> list[tuple[str, Any, list[str]]]:
    """(path, value, allowed) for each text that is not in the model's list; botocore asks none."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        return [
            found
            for name, inner in value.items()
            if name in shape.members
            for found in enum_violations(inner, shape.members[name], f"{path}.{name}".lstrip("."))
        ]
    if kind == "list" and isinstance(value, list):
        return [
            found
            for index, item in enumerate(value)
            for found in enum_violations(item, shape.member, f"{path}[{index}]")
        ]
    allowed = getattr(shape, "enum", None) if kind == "string" else None
    return [(path, value, allowed)] if allowed and value not in allowed else []


def one_line(text: str) -> str:
    return " ".join(text.split())
