"""Waiting for what should come, never longer than it may take."""

import time
from collections.abc import Callable

PATIENCE = 15.0
"""Seconds for anything that happens at once on an idle machine."""


def eventually(holds: Callable[[], object], what: str | Callable[[], str], within: float = PATIENCE) -> None:
    """Returns as soon as ``holds()`` is true; fails with ``what`` if it is not in time."""
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what if isinstance(what, str) else what()}")
        time.sleep(0.01)
