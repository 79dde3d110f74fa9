"""The checks across services, one list."""

from tools.verify.checks import figures, letters, mails, people, stock
from tools.verify.checks.check import Check, Result

CHECKS: tuple[Check, ...] = (*stock.CHECKS, *figures.CHECKS, *mails.CHECKS, *people.CHECKS, *letters.CHECKS)

__all__ = ["CHECKS", "Check", "Result"]
