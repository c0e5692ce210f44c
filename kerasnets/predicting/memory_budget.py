"""A bound on the memory that several threads take together."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class MemoryBudget:
    """Lets threads go on while what they take together is within a bound; what exceeds it alone, alone.

    Args:
        most: bytes.
    """

    def __init__(self, most: int) -> None:
        self._most, self._free = most, most
        self._changed = Condition()

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """Wait until `size` bytes are free, or all if it is more than there are; take them for the block."""
        size = min(size, self._most)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= size)
            self._free -= size
        try:
            yield
        finally:
            with self._changed:
                self._free += size
                self._changed.notify_all()
