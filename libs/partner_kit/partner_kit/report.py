"""Runs the checks one by one and tells how each went."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from partner_kit.checks import Check
from partner_kit.shop import Shop

NAME_WIDTH = 40


@dataclass(frozen=True, slots=True)
class Result:
    """How a check went; ``complaints`` is None for one that was not tried."""

    check: Check
    complaints: tuple[str, ...] | None
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether it was tried and nothing was wrong."""
        return self.complaints == ()

    def lines(self) -> Iterator[str]:
        """The result for people."""
        if self.complaints is None:
            yield f"-     {self.check.name}: not tried"
            return
        yield f"{'ok' if self.passed else 'FAIL':<5} {self.check.name:<{NAME_WIDTH}} {self.seconds:6.2f} s"
        for complaint in self.complaints:
            yield f"        {complaint}"
        if self.complaints:
            yield f"        => {self.check.mend}"


def run_checks(shop: Shop, checks: Sequence[Check]) -> Iterator[Result]:
    """Run all; where the first fails, the others would fail of the same and are not tried."""
    stands = True
    for number, check in enumerate(checks):
        if not stands:
            yield Result(check, None)
            continue
        began = time.monotonic()
        complaints = tuple(check.run(shop))
        result = Result(check, complaints, time.monotonic() - began)
        stands = number > 0 or result.passed
        yield result
