"""Helpers for tests that kill programs and wait for what follows."""

import threading
from collections.abc import Callable
from time import monotonic

import psutil


def wait_for(condition: Callable[[], bool], *, seconds: float = 15.0) -> None:
    """Return as soon as it holds. Raises TimeoutError after the time."""
    deadline = monotonic() + seconds
    pause = threading.Event()
    while not condition():
        if monotonic() > deadline:
            raise TimeoutError(f"It did not come true within {seconds:.0f} s.")
        pause.wait(0.02)


def is_gone(pid: int) -> bool:
    """Whether a process has ended, collected by its parent or not."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
