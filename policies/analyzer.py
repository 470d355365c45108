"""Serves the pack to the engine.

The SDK's own server (pulumi_policy/policy.py) deserializes each resource anew for every policy,
gives "could not check" no resource, and knows no waivers. This one speaks the same protocol
(pulumi.runtime.proto, analyzer.proto) and runs the same policies.
"""

import copy
import gc
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc, plugin_pb2
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyCustomTimeouts,
    PolicyProviderResource,
    PolicyResource,
    PolicyResourceOptions,
    Severity,
    StackValidationPolicy,
)
from pulumi_policy.deserialize import deserialize_properties
from pulumi_policy.proxy import unknown_checking_proxy

from catalog.policy_pack import pack_version
from policies import declared, stack_config
from policies.finding import Finding, Kind
from policies.pack import NAME, Pack, Subject
from policies.wording import worded

VERSION = pack_version()

_MAX_MESSAGE_BYTES = 400 * 1024 * 1024
"""What the engine itself sends at most (pulumi's rpcutil)."""

_LEVELS = MappingProxyType(
    {
        EnforcementLevel.ADVISORY: analyzer_pb2.ADVISORY,
        EnforcementLevel.MANDATORY: analyzer_pb2.MANDATORY,
        EnforcementLevel.REMEDIATE: analyzer_pb2.REMEDIATE,
        EnforcementLevel.DISABLED: analyzer_pb2.DISABLED,
    }
)
_LEVEL_OF = MappingProxyType({number: level for level, number in _LEVELS.items()})
_SEVERITIES = MappingProxyType(
    {
        None: analyzer_pb2.POLICY_SEVERITY_UNSPECIFIED,
        Severity.LOW: analyzer_pb2.POLICY_SEVERITY_LOW,
        Severity.MEDIUM: analyzer_pb2.POLICY_SEVERITY_MEDIUM,
        Severity.HIGH: analyzer_pb2.POLICY_SEVERITY_HIGH,
        Severity.CRITICAL: analyzer_pb2.POLICY_SEVERITY_CRITICAL,
    }
)


class PackServicer(analyzer_pb2_grpc.AnalyzerServicer):
    """The engine's questions, answered by a pack."""

    def __init__(self, pack: Pack) -> None:
        self._pack = pack

    def GetAnalyzerInfo(self, request: Any, context: Any) -> Any:
        return analyzer_pb2.AnalyzerInfo(
            name=NAME,
            version=VERSION,
            supportsConfig=True,
            policies=[self._info(policy) for policy in self._pack.policies],
        )

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=VERSION)

    def Configure(self, request: Any, context: Any) -> Any:
        """Levels and settings of `--policy-pack-config`."""
        given = request.policyConfig
        self._pack.levels = {k: _LEVEL_OF[v.enforcementLevel] for k, v in given.items()}
        self._pack.configs = {k: json_format.MessageToDict(v.properties) for k, v in given.items()}
        return empty_pb2.Empty()

    def ConfigureStack(self, request: Any, context: Any) -> Any:
        stack_config.use(request.config)
        return analyzer_pb2.AnalyzerStackConfigureResponse()

    def Analyze(self, request: Any, context: Any) -> Any:
        subject = _subject(request)
        found = self._pack.of_resource(subject)
        # Bytes, which the garbage collector does not walk.
        declared.remember(subject, partial(_parsed, request.properties.SerializeToString()))
        return _answer(found)

    def AnalyzeStack(self, request: Any, context: Any) -> Any:
        with _nothing_collected():
            return _answer(self._pack.of_stack(_members(request.resources)))

    def Remediate(self, request: Any, context: Any) -> Any:
        """Each policy gets what the ones before it made of the resource.

        They get plain values: what is unknown or secret stays as the engine marks it, so
        that it is handed back as it came.
        """
        response = analyzer_pb2.RemediateResponse()
        given = json_format.MessageToDict(request.properties)
        for policy in self._pack.remedies():
            subject = _subject(request, copy.deepcopy(given))
            changed = policy.remediate(self._pack.args(policy, subject))
            if isinstance(changed, Mapping) and changed != given:
                given = dict(changed)
                properties = struct_pb2.Struct()
                json_format.ParseDict(given, properties)
                response.remediations.append(
                    analyzer_pb2.Remediation(
                        policyName=policy.name,
                        policyPackName=NAME,
                        policyPackVersion=VERSION,
                        description=policy.description,
                        properties=properties,
                    )
                )
        return response

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def _info(self, policy: Policy) -> Any:
        schema = policy.config_schema
        info = analyzer_pb2.PolicyInfo(
            name=policy.name,
            displayName=policy.display_name or "",
            description=policy.description,
            enforcementLevel=_LEVELS[self._pack.level(policy)],
            severity=_SEVERITIES[policy.severity],
            tags=policy.tags or [],
            remediation_steps=policy.remediation_steps or "",
            url=policy.url or "",
            policy_type=analyzer_pb2.POLICY_TYPE_STACK
            if isinstance(policy, StackValidationPolicy)
            else analyzer_pb2.POLICY_TYPE_RESOURCE,
        )
        if schema is not None:
            info.configSchema.properties.update(schema.properties)
            info.configSchema.required.extend(schema.required or [])
        return info


def serve(pack: Pack) -> None:
    """Tell the engine a port, and answer it until this process is ended."""
    size = [
        ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
    ]
    # One after the other: policies of the stack read what those of resources have seen.
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1), options=size)
    analyzer_pb2_grpc.add_AnalyzerServicer_to_server(PackServicer(pack), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        server.stop(0)


def _answer(findings: Iterable[Finding]) -> Any:
    return analyzer_pb2.AnalyzeResponse(diagnostics=[_diagnostic(each) for each in findings])


def _diagnostic(finding: Finding) -> Any:
    """What is waived or could not be checked does not stop the engine: see `Finding.refuses`."""
    level = finding.level
    if level is EnforcementLevel.REMEDIATE:
        # What is still wrong after the remedy.
        level = EnforcementLevel.MANDATORY
    if finding.waiver is not None or finding.kind is Kind.COULD_NOT_CHECK:
        level = EnforcementLevel.ADVISORY
    return analyzer_pb2.AnalyzeDiagnostic(
        policyName=finding.policy,
        policyPackName=NAME,
        policyPackVersion=VERSION,
        message=worded(finding),
        urn=finding.urn,
        enforcementLevel=_LEVELS[level],
        severity=_SEVERITIES[finding.severity],
    )


def _subject(request: Any, props: dict[str, Any] | None = None) -> Subject:
    return Subject(
        request.type,
        request.name,
        request.urn,
        _proxied(request.properties) if props is None else props,
        _options(request.options),
        _provider(request),
    )


def _proxied(properties: Any) -> Any:
    return unknown_checking_proxy(deserialize_properties(json_format.MessageToDict(properties)))


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """While a whole stack is read nearly nothing is garbage: looking for it doubles the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _parsed(properties: bytes) -> Any:
    return _proxied(struct_pb2.Struct.FromString(properties))


def _members(given: Iterable[Any]) -> list[PolicyResource]:
    """Resources that know each other: their parents, and what their properties come from."""
    requests = {each.urn: each for each in given}
    members = {
        urn: PolicyResource(
            each.type,
            _proxied(each.properties),
            urn,
            each.name,
            _options(each.options),
            _provider(each),
            None,
            [],
            {},
        )
        for urn, each in requests.items()
    }
    for urn, member in members.items():
        each = requests[urn]
        member.parent = members.get(each.parent)
        member.dependencies = _known(members, each.dependencies)
        member.property_dependencies = {
            key: _known(members, found.urns) for key, found in each.propertyDependencies.items()
        }
    return list(members.values())


def _known(members: Mapping[str, PolicyResource], urns: Iterable[str]) -> list[PolicyResource]:
    return [members[urn] for urn in urns if urn in members]


def _options(given: Any) -> PolicyResourceOptions:
    timeouts = given.customTimeouts
    return PolicyResourceOptions(
        given.protect,
        list(given.ignoreChanges),
        given.deleteBeforeReplace if given.deleteBeforeReplaceDefined else None,
        list(given.aliases),
        PolicyCustomTimeouts(timeouts.create, timeouts.update, timeouts.delete),
        list(given.additionalSecretOutputs),
        given.parent or None,
    )


def _provider(request: Any) -> PolicyProviderResource | None:
    if not request.HasField("provider"):
        return None
    given = request.provider
    return PolicyProviderResource(given.type, _proxied(given.properties), given.urn, given.name)
