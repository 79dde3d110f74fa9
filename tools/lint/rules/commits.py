"""No commit outside the unit of work.

The accident: a repository commits in the middle of a use case. What follows fails, the caller gets an error and tries
again, and half of the work is there twice; the event that should have announced it was never written.
"""

import ast
import re

from tools.lint.rule import Complaints, Rule, calls, texts

ENDS_TRANSACTION = re.compile(
    r"(?:^|;)\s*(?:BEGIN|COMMIT|ROLLBACK(?!\s+TO\b)|START TRANSACTION)\b\s*(?:;|$)", re.IGNORECASE
)
METHODS = ("commit", "rollback")


def find(tree: ast.Module) -> Complaints:
    for line, name, _ in calls(tree):
        if name.rpartition(".")[2] in METHODS and "." in name:
            yield line, f"{name}() ends the transaction: leave the block of `async with uow:` instead"
    for line, text in texts(tree):
        if ENDS_TRANSACTION.search(text):
            yield line, f"{text.strip()!r} ends the transaction: leave the block of `async with uow:` instead"


RULE = Rule(
    "commits",
    find,
    but_not=(
        "libs/common/common/database/_uow.py",
        "libs/common/common/database/_migrations.py",
        "libs/common/common/scheduling/_sweeps.py",  # a transaction that holds a lock and writes nothing
        "libs/common/common/inbox/_runner.py",  # commits offsets to Kafka
        "libs/common/common/inbox/_session.py",  # the same
    ),
)
