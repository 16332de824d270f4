"""Waiting. Every wait ends by what it waits for; the guard is there for what hangs, ten times as long as expected."""
import time

GUARD = 60.0
# Where nothing tells that something happened (a counter, a file): how often one looks.
LOOK_AGAIN = 0.05


class Hung(AssertionError):
    """What was waited for did not come within the guard."""


def until(look, what, guard=GUARD):
    """Looks again and again until look() is true, and returns what it was."""
    deadline = time.monotonic() + guard
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise Hung(f"not within {guard:.0f} s: {what() if callable(what) else what}")
        time.sleep(LOOK_AGAIN)
