"""Memory of a run: 100 epochs of LeNet-5 on the bundled digits, as `kerasnets train` trains them.

    python benchmarks/epochs.py [--epochs 100]

Printed are the resident memory after every tenth epoch, and its slope over the epochs after the tenth
(wanted: under 0.5 MB an epoch).
"""

import argparse
import tempfile
import threading
from pathlib import Path

import numpy as np

import kerasnets
from kerasnets.benchmarking.timing import resident_bytes

WARM = 10


def main():
    """Run the benchmark and print a line every ten epochs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=100)
    epochs = parser.parse_args().epochs
    recipe = kerasnets.load_recipe("lenet5-digits", [f"train.epochs={epochs}"])
    with tempfile.TemporaryDirectory() as folder:
        resident = watched(Path(folder, "run"), lambda run: kerasnets.train(recipe, run))
    for epoch in range(WARM, epochs + 1, WARM):
        print(f"epoch {epoch:3}: {resident[epoch]:,.1f} MB resident")
    after = [epoch for epoch in sorted(resident) if epoch > min(WARM, epochs // 2)]
    slope = np.polyfit(after, [resident[epoch] for epoch in after], 1)[0]
    print(f"{epochs} epochs, slope {slope:+.3f} MB an epoch")


def watched(run, train):
    """Call `train(run)` and return the resident MB last seen after each epoch that the history has."""
    resident, ended = {}, threading.Event()

    def watch():
        history = run / "history.csv"
        while not ended.wait(0.02):
            if history.is_file():
                rows = len(history.read_text().splitlines()) - 1
                resident[rows] = resident_bytes()[0] / 1e6

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        train(run)
    finally:
        ended.set()
        watcher.join()
    return resident


if __name__ == "__main__":
    main()
