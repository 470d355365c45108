"""Where promotions keep things in a repository; all of it is meant to be committed."""

from pathlib import Path

RELEASES = Path("releases")
"""`<id>.json`, a file a release."""
RECORD = RELEASES / "record"
"""`<stack>/<number>.json`, a file an entry."""
APPROVALS = RELEASES / "approvals"
"""`<stack>/<release id>/<approver>.json` and `.json.sig`."""
ALLOWED_SIGNERS = RELEASES / "allowed_signers"
"""Keys of approvers, as ssh-keygen's ALLOWED SIGNERS has them."""
