"""Steps: named, timed, each ending in a sentence or in a reason."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field


class StepFailedError(Exception):
    """The project does not do what it must; the message says what."""


class StepSkippedError(Exception):
    """The step cannot be done on this machine; the message says why."""


@dataclass
class Report:
    """Runs steps and keeps what became of them."""

    skipped: frozenset[str]
    keep_going: bool
    outcomes: list[tuple[str, str]] = field(default_factory=list)

    def step(self, name: str, do: Callable[[], str], *, kind: str | None = None) -> None:
        """Do one step. Raises StepFailedError at the first failure, unless asked to keep going."""
        if (kind or name) in self.skipped:
            self._say("skipped", name, 0.0, "as asked")
            return
        print(f"       … {name}", file=sys.stderr, flush=True)
        began = time.monotonic()
        try:
            self._say("ok", name, began, do())
        except StepSkippedError as reason:
            self._say("skipped", name, began, str(reason))
        except StepFailedError as failure:
            self._say("FAILED", name, began, str(failure))
            if not self.keep_going:
                raise

    def _say(self, outcome: str, name: str, began: float, sentence: str) -> None:
        seconds = time.monotonic() - began if began else 0.0
        self.outcomes.append((outcome, name))
        print(f"{outcome:<8}{seconds:7.1f} s  {name}: {sentence}", flush=True)

    @property
    def failed(self) -> list[str]:
        """The steps that failed."""
        return [name for outcome, name in self.outcomes if outcome == "FAILED"]
