"""Broad excepts only where errors end: the relay, the consumer runtime, jobs and sweeps, the app's last handler.

The accident: a use case catches whatever comes and goes on. The statement that failed has aborted the transaction, the
next one fails for that reason alone, and the log tells of the second error. Or a cancelled request is taken for a
failed one, and its work is done again. A handler that ends by raising again hides nothing and may stand anywhere.
"""

import ast

from tools.lint.rule import Complaints, Rule, dotted

BROAD = ("Exception", "BaseException")


def find(tree: ast.Module) -> Complaints:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type) and not isinstance(node.body[-1], ast.Raise):
            yield node.lineno, "catches whatever comes: name the errors that are expected, or raise again at the end"


def _is_broad(kind: ast.expr | None) -> bool:
    if isinstance(kind, ast.Tuple):
        return any(_is_broad(each) for each in kind.elts)
    return kind is None or dotted(kind) in BROAD


RULE = Rule(
    "broad-excepts",
    find,
    but_not=(
        "libs/common/common/outbox/_relay.py",
        "libs/common/common/inbox/_runner.py",
        "libs/common/common/inbox/_delivery.py",
        "libs/common/common/database/_retry.py",  # raises again whatever is no conflict
        "libs/common/common/scheduling/_runner.py",
        "libs/common/common/scheduling/_sweeps.py",
        "libs/common/common/http/middleware.py",  # the app's last handler
        "services/gateway/gateway/proxy/front.py",  # the gateway's, for what it passes on
    ),
)
