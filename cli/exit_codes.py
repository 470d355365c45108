"""Exit codes of every `moe` command."""

DONE = 0
ERROR = 1
REFUSED = 2
NOTHING_TO_DO = 3

EXPLANATION = (
    "Exit codes: 0 done, 1 error (settings that cannot work are one), 2 refused by a policy,"
    " a gate or preflight, 3 nothing to do."
)
