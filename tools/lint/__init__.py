"""House rules that no general tool knows, each a few lines over the syntax tree.

    python -m tools.lint [PATH…]     # default: every service's package and common

A rule's docstring tells the accident that it prevents. Where the forbidden thing has its one right place, the rule
names that place; there is no comment that switches a rule off.
"""

from tools.lint.rule import Finding, Rule, lint
from tools.lint.rules import RULES

__all__ = ["RULES", "Finding", "Rule", "lint"]
