"""Conditions of a statement: on what they let it be done, and whom they let do it.

Only what is true of a few callers names them: S3 lists such keys, and that their values be
fixed, where it says when it takes a policy to be public.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from policies.aws.cidrs import is_open
from policies.reading import child, known, one_or_more, shown

_WITHOUT_OBJECT = frozenset(
    {
        *("aws:currenttime", "aws:epochtime", "aws:multifactorauthage"),
        *("aws:multifactorauthpresent", "aws:requestedregion", "aws:securetransport"),
        *("aws:referer", "aws:useragent", "s3:signatureversion", "sts:externalid"),
    }
)
"""Keys of conditions that anybody can meet, or that say when and how, not who and what."""
_ANYTHING = ("", "0.0.0.0/0", "::/0")
_ADDRESS = "aws:sourceip"
_ARNS = frozenset({"aws:principalarn", "aws:sourcearn", "s3:dataaccesspointarn"})
_CALLERS = frozenset(
    {
        *("aws:principalaccount", "aws:principalorgid", "aws:principalorgpaths"),
        *("aws:principalservicename", "aws:sourceaccount", "aws:sourceorgid"),
        *("aws:sourceorgpaths", "aws:sourceowner", "aws:sourcevpc", "aws:sourcevpce"),
        *("aws:userid", "kms:calleraccount", "s3:dataaccesspointaccount"),
    }
)
"""sts:ExternalId is none: AWS holds that it is no secret, so it names nobody by itself."""
_WILD = re.compile(r"[*?$]")
"""`$` begins a policy variable, which the caller fills."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One that never holds where its key is missing; operator and key are in lower case."""

    operator: str
    key: str
    values: tuple[str, ...]

    def compares_text(self) -> bool:
        """Whether it asks what the key says; Null and Bool ask no more than whether it is set."""
        return self.operator.startswith(("string", "arn", "ipaddress"))

    def says_on_what(self) -> bool:
        """Whether it leaves something out of what may be done."""
        if self.key in _WITHOUT_OBJECT:
            return False
        if self.key == _ADDRESS:
            return self.names_callers()
        if self.operator in ("null", "bool"):
            # The key is there; what it says is true.
            meant = "false" if self.operator == "null" else "true"
            return [value.lower() for value in self.values] == [meant]
        return bool(self.values) and not any(v.strip("*?") in _ANYTHING for v in self.values)

    def names_callers(self) -> bool:
        """Whether each of its values is true of a few callers alone.

        Raises UnreadableError where an address is none.
        """
        return (
            bool(self.values) and self.compares_text() and all(map(self._names_caller, self.values))
        )

    def _names_caller(self, value: str) -> bool:
        if self.key == _ADDRESS:
            return self.operator == "ipaddress" and not is_open(value)
        if self.key in _ARNS:
            return _has_owner(value, by_part=self.operator.startswith("arn"))
        return self.key in _CALLERS and _begins_with_name(value)


def conditions(block: Any) -> Iterator[Condition]:
    """Those of a statement that hold for their values alone."""
    for operator in block if isinstance(block, Mapping) else ():
        test = operator.lower().removeprefix("foranyvalue:")
        if test.startswith("forallvalues:") or test.endswith("ifexists") or "not" in test:
            continue
        tests = child(block, operator)
        for key in tests if isinstance(tests, Mapping) else ():
            values = (shown(known(each)) for each in one_or_more(child(tests, key)))
            yield Condition(test, key.lower(), tuple(values))


def is_fixed(value: str) -> bool:
    """Whether it stands for one text alone."""
    return value != "" and _WILD.search(value) is None


def _has_owner(arn: str, *, by_part: bool) -> bool:
    """Whether an ARN is of one account, or of one bucket, whose ARN has no account.

    Operators of ARNs compare part by part; those of texts let a `*` run on over the colons.
    """
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return False
    owner = parts[4] or parts[5].partition("/")[0]
    return is_fixed(owner) and (by_part or _WILD.search("".join(parts[:4])) is None)


def _begins_with_name(value: str) -> bool:
    """Such as o-1, or o-1/r-1/* of a path and AROA1:* of a session."""
    return is_fixed(re.split("[/:]", value, maxsplit=1)[0])
