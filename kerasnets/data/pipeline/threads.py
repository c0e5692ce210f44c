"""Threads that end when the work does: at its end, at the first error, and at Ctrl-C."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def stoppable_threads(workers: int) -> Iterator[tuple[ThreadPoolExecutor, threading.Event]]:
    """Give a thread pool, and an event that its functions check between two pieces of work.

    However the block ends, what has not begun is cancelled, the event is set, and the threads that still run
    are waited for.

    Args:
        workers: number of threads.
    """
    pool, stop = ThreadPoolExecutor(workers), threading.Event()
    try:
        yield pool, stop
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
