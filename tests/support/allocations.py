"""How much Python allocates while something is done."""

import tracemalloc
from collections.abc import Callable


def within(limit: float, action: Callable):
    """Return what `action` returns; fail if it holds `limit` bytes of Python's memory or more at once.

    Other threads of the process are counted too, and only add: what is over the limit is done again, twice.
    """
    for _ in range(3):
        tracemalloc.start()
        try:
            result = action()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        if peak < limit:
            return result
    raise AssertionError(f"found {peak:,} bytes three times, allowed: below {limit:,.0f}")
