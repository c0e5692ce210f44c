"""Threads that end when the work does: at its end, at the first error, and at Ctrl-C."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def stoppable_threads(workers):
    """Give a thread pool and an event that its functions look at between two pieces of work.

    When the block ends, however it does, what has not begun is cancelled, the event is set, and the threads
    that still run are waited for.

    Args:
        workers: number of threads.
    """
    pool, stop = ThreadPoolExecutor(workers), threading.Event()
    try:
        yield pool, stop
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
