"""Waiting for something to become true, and no longer than a test may take."""

import time


def until(true, found=lambda: "", *, seconds=60):
    """Wait until `true()`; fail after so many seconds with what was `found()` instead."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, found()
        time.sleep(0.01)
