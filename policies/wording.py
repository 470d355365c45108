"""A finding as one text, for the engine to show; and read back from it by a gate."""

from catalog.waivers import WAIVED
from policies.finding import Finding, Kind


def worded(finding: Finding) -> str:
    said = finding.message
    if finding.kind is Kind.COULD_NOT_CHECK:
        said = f"{Kind.COULD_NOT_CHECK}: {said}"
    return said if finding.waiver is None else f"{finding.waiver.shown()}\n{said}"


def read_back(text: str) -> tuple[Kind, bool, str]:
    """Kind of the finding, whether it is waived, and its own message."""
    is_waived = text.startswith(WAIVED)
    said = text.partition("\n")[2] if is_waived else text
    prefix = f"{Kind.COULD_NOT_CHECK}: "
    if said.startswith(prefix):
        return Kind.COULD_NOT_CHECK, is_waived, said.removeprefix(prefix)
    return Kind.VIOLATION, is_waived, said
