"""Events as the engine writes them (pulumi's sdk/go/common/apitype/events.go), made by hand."""

from collections.abc import Mapping
from typing import Any

from policies.pack import NAME

Event = Mapping[str, Any]

ROOT = "urn:pulumi:dev::moe-serving::pulumi:pulumi:Stack::moe-serving-dev"


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:dev::moe-serving::{type_}::{name}"


def policy(name: str, at: str, message: str, level: str = "mandatory") -> Event:
    return {
        "policyEvent": {
            "resourceUrn": at,
            "message": f"<{{%reset%}}>{message}\n<{{%reset%}}>",
            "color": "never",
            "policyName": name,
            "policyPackName": NAME,
            "policyPackVersion": "0.2.0",
            "enforcementLevel": level,
            "severity": "high",
        }
    }


def step(operation: str, type_: str, name: str, **metadata: Any) -> Event:
    return {
        "resourcePreEvent": {
            "metadata": {"op": operation, "urn": urn(type_, name), "type": type_, **metadata}
        }
    }


def diagnostic(message: str, severity: str = "error", at: str = "") -> Event:
    said = {"message": message, "severity": severity, "color": "never"}
    return {"diagnosticEvent": {**said, "urn": at} if at else said}


JUDGED: Event = {"policyAnalyzeStackSummaryEvent": {"policyPackName": NAME}}
REFUSED_AT_THE_END: Event = diagnostic("preview failed\n")
