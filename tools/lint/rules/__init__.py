"""The house rules, one list."""

from tools.lint.rule import Rule
from tools.lint.rules import (
    bare_clocks,
    broad_excepts,
    commits,
    http_middleware,
    sends,
    session_state,
    sql_clocks,
)

RULES: tuple[Rule, ...] = (
    commits.RULE,
    sends.RULE,
    bare_clocks.RULE,
    sql_clocks.RULE,
    http_middleware.RULE,
    session_state.RULE,
    broad_excepts.RULE,
)

__all__ = ["RULES"]
