"""How the memory of a command grows that runs a search of many trials.

PYTHONPATH=tests/support python tests/programs/search_memory.py --trials 100
"""

import argparse
import tempfile
import threading
from pathlib import Path

from small_search import small_recipe

from kerasnets.tuning.search import tune_recipe

FIRST = 3
"""Trials before which the command still loads what it needs."""


def growth(folder, trials, workers=1):
    """Return by how many bytes this process grows with each trial of a search, after the first few.

    Args:
        folder: for the images and the search.
        trials: how many.
        workers: trials at a time.
    """
    sizes, over = {}, threading.Event()
    table = Path(folder, "search", "trials.csv")

    def watch():
        while not over.wait(0.05):
            if table.is_file():
                sizes.setdefault(len(table.read_text().splitlines()) - 1, _resident())

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        recipe = small_recipe(Path(folder), "train.epochs=1", f"tune.trials={trials}")
        tune_recipe(recipe, Path(folder, "search"), workers=workers, time_steps=False)
    finally:
        over.set()
        watching.join()
    last = max(sizes)
    return (sizes[last] - sizes[FIRST]) / (last - FIRST)


def _resident():
    text = Path("/proc/self/status").read_text()
    return 1024 * int(text.split("VmRSS:")[1].split()[0])


def main():
    """Print the growth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = growth(folder, given.trials, given.workers)
    print(f"{found / 2**20:.3f} MiB a trial over {given.trials} trials")


if __name__ == "__main__":
    main()
