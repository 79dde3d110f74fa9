"""No bare clock: business time is `uow.now`.

The accident: a reservation's end is computed from the machine's clock, its expiry from the shop's. The test that moves
time forward passes, since it never meets the one line that looked at the wall, and in the demo holds never end. Clocks
that only measure how long something took (`monotonic`, `perf_counter`) are fine.
"""

import ast

from tools.lint.rule import TEST_HELPERS, Complaints, Rule, calls

CLOCKS = (
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "time.time",
    "time.time_ns",
    "time.localtime",
)


def find(tree: ast.Module) -> Complaints:
    for line, name, _ in calls(tree):
        if any(name == clock or name.endswith(f".{clock}") for clock in CLOCKS):
            yield line, f"{name}() is a bare clock: use uow.now, or the runtime's clock for what is real time"
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.ImportFrom)
            and node.module == "time"
            and any(each.name == "time" for each in node.names)
        ):
            yield node.lineno, "`from time import time` is a bare clock: use uow.now, or the runtime's clock"


RULE = Rule("bare-clocks", find, but_not=("libs/common/common/clock.py", *TEST_HELPERS))
