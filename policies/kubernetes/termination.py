"""How long the end of a pod takes, and how long Kubernetes waits for it.

From the start of the preStop hook until the grace period is over the pod may live:
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
"""

import re
from collections.abc import Mapping
from decimal import Decimal

from policies.kubernetes.workloads import Container, Pod
from policies.quantities import quantity
from policies.reading import child, elements, known, shown
from policies.review import UnreadableError

_DEFAULT_GRACE_S = 30
_SLEEP = re.compile(r"\bsleep\s+([0-9]{1,9}(?:\.[0-9]{1,9})?)s?(?![\w.])")


def grace_s(pod: Pod) -> Decimal:
    given = child(pod.spec, "terminationGracePeriodSeconds")
    return _seconds("terminationGracePeriodSeconds", _DEFAULT_GRACE_S if given is None else given)


def prestop_s(container: Container) -> Decimal | None:
    """How long its preStop hook takes, None where it has none.

    Raises UnreadableError where the hook does something else than to sleep.
    """
    hook = child(container.fields, "lifecycle", "preStop")
    if hook is None:
        return None
    if isinstance(sleep := child(hook, "sleep"), Mapping):
        return _seconds("preStop.sleep.seconds", child(sleep, "seconds"))
    command = " ".join(shown(known(word)) for word in elements(child(hook, "exec", "command")))
    if not (sleeps := _SLEEP.findall(command)):
        raise UnreadableError("a preStop hook whose seconds no policy can read")
    return sum(map(Decimal, sleeps), Decimal(0))


def _seconds(field: str, value: object) -> Decimal:
    if (seconds := quantity(value)) is None:
        raise UnreadableError(f"{field} {shown(value)} is no number")
    return seconds
