"""No state on a database session: SET LOCAL and transaction locks only.

The accident: a connection goes back to the pool with `SET lock_timeout = 0` or an advisory lock on it. The next request
that gets it, of another user, waits for ever or holds a lock that nobody will give back until the process ends. Behind
a pooler that shares sessions it hits another service.
"""

import ast
import re

from tools.lint.rule import COMMON, SERVICES, Complaints, Rule, texts

SESSION_SET = re.compile(
    r"(?:^|;)\s*SET\s+(?!LOCAL\b|TRANSACTION\b|CONSTRAINTS\b)(?:SESSION\s+)?[\w.]+\s*(?:=|TO\b)", re.IGNORECASE
)
SESSION_LOCK = re.compile(r"\bpg_(?:try_)?advisory_lock(?:_shared)?\b", re.IGNORECASE)


def find(tree: ast.Module) -> Complaints:
    for line, text in texts(tree):
        if SESSION_SET.search(text):
            yield line, "SET outlives the transaction on a pooled connection: use SET LOCAL"
        if SESSION_LOCK.search(text):
            yield line, "this lock outlives the transaction on a pooled connection: use pg_advisory_xact_lock"


RULE = Rule(
    "session-state",
    find,
    where=(SERVICES, COMMON),
    but_not=(
        "libs/common/common/database/_migrations.py",  # a connection of its own, closed afterwards
        "libs/common/common/outbox/_relay.py",  # the same: the leader's lock lives as long as its session
    ),
)
