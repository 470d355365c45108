"""The pack: every policy there is, at which level, and what it finds."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyProviderResource,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)

import policies
from policies.finding import Finding, Kind, resource_of
from policies.memo import one_analysis
from policies.review import CouldNotCheckError
from policies.waivers.granted import granted_for

NAME = "moe-serving"
LEVEL = EnforcementLevel.MANDATORY
"""Of a policy that names none."""

_ENTRY_POINT = "policies.__main__"


@dataclass(frozen=True, slots=True)
class Listed:
    """A policy and its group, which is the folder that it is in."""

    group: str
    policy: Policy


def listed() -> list[Listed]:
    """`POLICY` of every module below `policies`, by group and name."""
    found = []
    for module in pkgutil.walk_packages(policies.__path__, "policies."):
        if module.name != _ENTRY_POINT:
            policy = getattr(importlib.import_module(module.name), "POLICY", None)
            if policy is not None:
                found.append(Listed(module.name.split(".")[1], policy))
    return sorted(found, key=lambda each: (each.group, each.policy.name))


@dataclass(frozen=True, slots=True)
class Subject:
    """One resource, its properties deserialized once for all policies."""

    type: str
    name: str
    urn: str
    props: Any
    options: PolicyResourceOptions
    provider: PolicyProviderResource | None = None


@dataclass
class Pack:
    """Policies, and what the policy configuration of a run changes of them."""

    policies: Sequence[Policy] = field(default_factory=lambda: [each.policy for each in listed()])
    levels: Mapping[str, EnforcementLevel] = field(default_factory=dict)
    configs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def level(self, policy: Policy) -> EnforcementLevel:
        return self.levels.get(policy.name) or policy.enforcement_level or LEVEL

    def of_resource(self, subject: Subject) -> list[Finding]:
        """What the policies of single resources find."""
        found: list[Finding] = []
        with one_analysis():
            for policy in self._enabled():
                if isinstance(policy, ResourceValidationPolicy) and policy.has_validation():
                    found += self._run(policy, self.args(policy, subject), subject.urn)
        return found

    def of_stack(self, resources: list[PolicyResource]) -> list[Finding]:
        """What the policies of the whole stack find; those of resources must have run before."""
        found: list[Finding] = []
        with one_analysis():
            for policy in self._enabled():
                if isinstance(policy, StackValidationPolicy):
                    args = StackValidationArgs(resources, self._config(policy))
                    found += self._run(policy, args, "")
        return found

    def remedies(self) -> Iterator[ResourceValidationPolicy]:
        """Policies that may change a resource."""
        for policy in self._enabled():
            if self.level(policy) is EnforcementLevel.REMEDIATE and isinstance(
                policy, ResourceValidationPolicy
            ):
                yield policy

    def args(self, policy: Policy, subject: Subject) -> ResourceValidationArgs:
        return ResourceValidationArgs(
            subject.type,
            subject.props,
            subject.urn,
            subject.name,
            subject.options,
            subject.provider,
            self._config(policy),
        )

    def _enabled(self) -> Iterator[Policy]:
        return (p for p in self.policies if self.level(p) is not EnforcementLevel.DISABLED)

    def _config(self, policy: Policy) -> dict[str, Any]:
        return dict(self.configs.get(policy.name, {}))

    def _run(self, policy: Any, args: Any, urn: str) -> list[Finding]:
        found: list[Finding] = []

        def note(kind: Kind, message: str, of: str | None) -> None:
            at = of or urn
            waiver = granted_for(policy.name, resource_of(at))
            level = self.level(policy)
            found.append(Finding(policy.name, kind, level, policy.severity, at, message, waiver))

        try:
            policy.validate(args, lambda message, of=None: note(Kind.VIOLATION, message, of))
        except CouldNotCheckError as error:
            for each in error.unchecked:
                note(Kind.COULD_NOT_CHECK, str(each), each.place.urn)
        return found
