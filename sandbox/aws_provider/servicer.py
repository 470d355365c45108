"""The gRPC face: Pulumi's ResourceProvider, over the table.

Every method answers or ends with one sentence: which resource, which operation, AWS's code and
message.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from sandbox.aws_provider import config
from sandbox.aws_provider.checking import problems
from sandbox.aws_provider.cloud import ApiError, Cloud, NotLoopbackError
from sandbox.aws_provider.diffing import Change, Changes, compare
from sandbox.aws_provider.functions import run_function
from sandbox.aws_provider.kept_store import KeptStore
from sandbox.aws_provider.naming import with_name
from sandbox.aws_provider.operations import Operations
from sandbox.aws_provider.preview import Preview, previewed_create, previewed_update
from sandbox.aws_provider.sdk import Shape, load_shapes
from sandbox.aws_provider.table import INVOKES, RESOURCES
from sandbox.aws_provider.table.model import Resource
from sandbox.aws_provider.wire import (
    DEFAULTS,
    UNKNOWN,
    Properties,
    from_struct,
    has_unknown,
    to_struct,
)

VERSION = "7.51.1"
T = TypeVar("T")
_KIND = provider_pb2.PropertyDiff
_KINDS = {
    ("add", False): _KIND.ADD,
    ("add", True): _KIND.ADD_REPLACE,
    ("delete", False): _KIND.DELETE,
    ("delete", True): _KIND.DELETE_REPLACE,
    ("update", False): _KIND.UPDATE,
    ("update", True): _KIND.UPDATE_REPLACE,
}


class UnknownTokenError(Exception):
    """A resource type or function that is not in the table."""

    def __init__(self, what: str, token: str, known: Mapping[str, object]) -> None:
        super().__init__(
            f"the sandbox's stand-in for pulumi-aws does not know the {what} {token}; it knows "
            f"{', '.join(sorted(known))}"
        )


class AwsStandIn(provider_pb2_grpc.ResourceProviderServicer):
    """One provider process. `environment` is read when the engine configures it."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._environment = config.environment() if environment is None else environment
        self._cloud: Cloud | None = None
        self._store: KeptStore | None = None
        self._default_tags: Mapping[str, str] = {}
        self._shapes: dict[str, Shape] = {}
        # botocore's clients are safe between threads, but creating them is not.
        self._lock = threading.RLock()

    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=False,
            accept_resources=False,
            accept_outputs=False,
            supports_autonaming_configuration=True,
        )

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(self, request: Any, context: Any) -> Any:
        return provider_pb2.GetSchemaResponse(
            schema=json.dumps({"name": "aws", "version": VERSION})
        )

    def Attach(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: Any) -> Any:
        news = from_struct(request.news)
        failures = [
            provider_pb2.CheckFailure(
                property=name,
                reason=f"aws:{name} is no setting of the sandbox's stand-in for pulumi-aws",
            )
            for name in config.unknown_settings(news)
        ]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        old = from_struct(request.old_inputs or request.olds)
        new = from_struct(request.news)
        names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
        # Another region or account is another cloud: everything in it has to be made anew.
        replaces = [name for name in names if name == "region"]
        some = provider_pb2.DiffResponse.DIFF_SOME if names else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=some, diffs=names, replaces=replaces)

    def Configure(self, request: Any, context: Any) -> Any:
        given = from_struct(request.args)
        for name, value in request.variables.items():
            given.setdefault(name.removeprefix("aws:config:"), value)
        try:
            settings = config.parse_settings(given, self._environment)
            with self._lock:
                self._cloud, self._store = config.connect(settings, self._environment)
                self._default_tags = settings.default_tags
                cache = config.state_folder(self._environment) / "aws"
                self._shapes = load_shapes(RESOURCES, cache)
        except (config.ConfigError, NotLoopbackError, ApiError) as error:
            _end(context, grpc.StatusCode.FAILED_PRECONDITION, str(error))
        return provider_pb2.ConfigureResponse(
            acceptSecrets=False,
            supportsPreview=True,
            acceptResources=False,
            acceptOutputs=False,
            supports_autonaming_configuration=True,
        )

    def Check(self, request: Any, context: Any) -> Any:
        entry = self._entry(request.urn, context)
        olds, news = from_struct(request.olds), from_struct(request.news)
        proposed, off = None, False
        if request.HasField("autonaming"):
            mode = provider_pb2.CheckRequest.AutonamingOptions
            off = request.autonaming.mode == mode.DISABLE
            proposed = request.autonaming.proposed_name or None
        seed = bytes(request.randomSeed)
        logical = request.urn.rsplit("::", 1)[-1]
        note = self._required_store(context).read()["creations"].get(request.urn) or {}
        noted = note.get("name")
        inputs = news if off else with_name(entry, news, olds, logical, seed, proposed, noted)
        with self._lock:
            found = problems(
                entry, self._shapes[entry.pulumi_type], inputs, self._required_cloud(context)
            )
        failures = [
            provider_pb2.CheckFailure(property=path, reason=f"{path} {reason}")
            for path, reason in found
        ]
        return provider_pb2.CheckResponse(inputs=to_struct(inputs), failures=failures)

    def Diff(self, request: Any, context: Any) -> Any:
        entry = self._entry(request.urn, context)
        work = self._operations(entry, context)
        work.acknowledge(request.urn, request.id)
        changes = self._changes(entry, work, request)
        detailed = {
            change.path: _KIND(kind=_KINDS[(change.kind, change.replaces)], inputDiff=True)
            for change in changes.changes
        }
        answer = provider_pb2.DiffResponse
        return answer(
            changes=answer.DIFF_SOME if changes.changes else answer.DIFF_NONE,
            diffs=sorted({change.top for change in changes.changes}),
            replaces=sorted({change.top for change in changes.replacing}),
            deleteBeforeReplace=bool(changes.replacing) and changes.delete_first,
            stables=["arn", "id"],
            hasDetailedDiff=True,
            detailedDiff=detailed,
        )

    def _changes(self, entry: Resource, work: Operations, request: Any) -> Changes:
        old, new = from_struct(request.old_inputs), from_struct(request.news)
        ignored = tuple(request.ignoreChanges)
        changes = compare(entry, old, new, ignored)
        outputs = from_struct(request.olds)
        if not entry.tags or any(change.top == "tags" for change in changes.changes):
            return changes
        # The provider's default tags may have changed although the program's tags did not.
        differ = "tagsAll" in outputs and outputs["tagsAll"] != work.all_tags(new)
        if differ and not {"tags", "tagsAll"} & set(ignored):
            more = (*changes.changes, Change("tagsAll", "update"))
            return Changes(more, changes.delete_first)
        return changes

    def Create(self, request: Any, context: Any) -> Any:
        entry = self._entry(request.urn, context)
        work = self._operations(entry, context)
        inputs = from_struct(request.properties)
        if request.preview:
            shown = previewed_create(self._preview_of(entry, work, inputs), inputs)
            return provider_pb2.CreateResponse(properties=to_struct(shown))
        found = self._said(context, request.urn, lambda: work.create(request.urn, inputs))
        return provider_pb2.CreateResponse(id=found.id, properties=to_struct(found.outputs))

    def Read(self, request: Any, context: Any) -> Any:
        entry = self._entry(request.urn, context)
        work = self._operations(entry, context)
        inputs, old = from_struct(request.inputs), from_struct(request.properties)
        found = self._said(context, request.urn, lambda: work.read(request.id, inputs, old))
        if found is None:
            return provider_pb2.ReadResponse(id="")
        work.acknowledge(request.urn, request.id)
        return provider_pb2.ReadResponse(
            id=found.id, properties=to_struct(found.outputs), inputs=to_struct(found.inputs)
        )

    def Update(self, request: Any, context: Any) -> Any:
        entry = self._entry(request.urn, context)
        work = self._operations(entry, context)
        new, old_outputs = from_struct(request.news), from_struct(request.olds)
        old = from_struct(request.old_inputs)
        changes = self._changes(entry, work, request)
        if request.preview:
            shown = previewed_update(self._preview_of(entry, work, new), old_outputs, new, changes)
            return provider_pb2.UpdateResponse(properties=to_struct(shown))
        work.acknowledge(request.urn, request.id)
        found = self._said(context, request.urn, lambda: work.update(request.id, old, new, changes))
        return provider_pb2.UpdateResponse(properties=to_struct(found.outputs))

    def Delete(self, request: Any, context: Any) -> Any:
        entry = self._entry(request.urn, context)
        work = self._operations(entry, context)
        outputs = from_struct(request.properties)
        inputs = from_struct(request.old_inputs) or self._inputs_of(entry, outputs)
        self._said(context, request.urn, lambda: work.delete(request.id, inputs, outputs))
        work.acknowledge(request.urn, request.id)
        return empty_pb2.Empty()

    def _preview_of(self, entry: Resource, work: Operations, inputs: Properties) -> Preview:
        unknown = has_unknown(inputs.get("tags"))
        tags = UNKNOWN if unknown else work.all_tags(inputs)
        region = self._cloud.facts["region"] if self._cloud else UNKNOWN
        return Preview(entry, self._shapes[entry.pulumi_type], tags, region)

    def _inputs_of(self, entry: Resource, outputs: Properties) -> Properties:
        fields = self._shapes[entry.pulumi_type].fields
        return {name: value for name, value in outputs.items() if fields[name].is_input}

    def Invoke(self, request: Any, context: Any) -> Any:
        entry = INVOKES.get(request.tok)
        if entry is None:
            message = str(UnknownTokenError("function", request.tok, INVOKES))
            _end(context, grpc.StatusCode.UNIMPLEMENTED, message)
        arguments = from_struct(request.args)
        cloud = self._required_cloud(context)
        if unknown := sorted(set(arguments) - set(entry.arguments) - {DEFAULTS}):
            reason = f"{unknown[0]} is not an argument; known are {', '.join(entry.arguments)}"
            failure = provider_pb2.CheckFailure(property=unknown[0], reason=reason)
            return provider_pb2.InvokeResponse(failures=[failure])
        results = self._said(context, request.tok, lambda: run_function(entry, arguments, cloud))
        return provider_pb2.InvokeResponse(**{"return": to_struct(results)})

    def _entry(self, urn: str, context: Any) -> Resource:
        token = urn.split("::")[2].rsplit("$", 1)[-1]
        if token not in RESOURCES:
            message = str(UnknownTokenError("resource type", token, RESOURCES))
            _end(context, grpc.StatusCode.UNIMPLEMENTED, message)
        return RESOURCES[token]

    def _required_cloud(self, context: Any) -> Cloud:
        if self._cloud is None:
            _end(context, grpc.StatusCode.FAILED_PRECONDITION, "the provider is not configured yet")
        return self._cloud

    def _required_store(self, context: Any) -> KeptStore:
        if self._store is None:
            _end(context, grpc.StatusCode.FAILED_PRECONDITION, "the provider is not configured yet")
        return self._store

    def _operations(self, entry: Resource, context: Any) -> Operations:
        cloud, store = self._required_cloud(context), self._required_store(context)
        return Operations(entry, self._shapes[entry.pulumi_type], cloud, store, self._default_tags)

    def _said(self, context: Any, subject: str, work: Callable[[], T]) -> T:
        """The work's result; an API error ends the call with a sentence that names the subject."""
        try:
            with self._lock:
                return work()
        except ApiError as error:
            _end(context, grpc.StatusCode.UNKNOWN, f"{subject}: {error}")


def _end(context: Any, code: grpc.StatusCode, message: str) -> NoReturn:
    context.abort(code, message)
    raise AssertionError("abort returned")
