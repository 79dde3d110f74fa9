"""No clock in a service's SQL.

The accident: `WHERE expires_at < now()` in one statement out of thirty. With the test clock moved by three hours, that
statement alone lives in another time: the hold is sold twice in the test, and nobody sees why.
"""

import ast
import re

from tools.lint.rule import SERVICES, Complaints, Rule, texts

CLOCK = re.compile(
    r"\b(?:now|clock_timestamp|transaction_timestamp|statement_timestamp|timeofday)\(\)"
    r"|\b(?:current_timestamp|current_date|current_time|localtimestamp|localtime)\b",
    re.IGNORECASE,
)
SQL = re.compile(r"\b(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|WHERE|DEFAULT|VALUES|SET)\b|^\s*\w+\(\)\s*$")


def find(tree: ast.Module) -> Complaints:
    for line, text in texts(tree):
        clock = CLOCK.search(text)
        if clock and SQL.search(text):
            yield line, f"{clock[0]} in SQL is the database's clock: pass uow.now as a parameter"


RULE = Rule("sql-clocks", find, where=(SERVICES,))
