"""What must hold across services, asked of all their databases by a role that can only read.

    python -m tools.verify              # the suite that runs on this machine, or whatever <SERVICE>_DATABASE_URL names
    python -m tools.verify --services   # each running service's own invariants as well

Each service's own invariants are its own business (``<service> verify``). Here are those that no service can see alone,
since none reads another's database.
"""

from tools.verify.checks import CHECKS, Check, Result
from tools.verify.databases import SERVICES, Databases, NoDatabasesError
from tools.verify.delivery import Groups, load_groups
from tools.verify.run import Finding, verify

__all__ = [
    "CHECKS",
    "SERVICES",
    "Check",
    "Databases",
    "Finding",
    "Groups",
    "NoDatabasesError",
    "Result",
    "load_groups",
    "verify",
]
