"""Speed of exported networks: SavedModel, ONNX Runtime and OpenVINO beside PyTorch, eager and compiled.

    python benchmarks/inference.py [--networks resnet50 vgg16] [--batches 1 32] [--repeats 3] [--seconds 10]
                                   [--to FILE.json]

The sides run in turn on the same cores, each in a process of its own, `--repeats` times; printed are medians
of images a second, and of the ratios of neighbouring runs to the fastest of PyTorch's. PyTorch is left out
where it is not installed, compiling where there is no C++ compiler.
"""

import argparse
import importlib.util
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from sides import median_ratio, run_side
from stepping import CASES

INFERRING = Path(__file__).with_name("inferring.py")
OURS = ("saved_model", "onnx", "openvino")


def main():
    """Run the benchmark and print a table a network and batch."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=CASES, default=["resnet50", "vgg16", "googlenet"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 32])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each side in each repeat")
    parser.add_argument("--to", type=Path, help="a JSON file for all numbers")
    options = parser.parse_args()
    sides = [*OURS]
    if importlib.util.find_spec("torch"):
        sides += ["torch"] + ["compiled"] * any(map(shutil.which, ("c++", "g++", "clang++")))
    rates = {}
    for network in options.networks:
        with tempfile.TemporaryDirectory() as folder:
            run_side(f"export of {network}", [sys.executable, INFERRING, "export", network, folder])
            for batch in options.batches:
                rates[f"{network}, {batch}"] = found = alternate(network, folder, batch, sides, options)
                show(network, batch, found)
    if options.to:
        options.to.write_text(json.dumps({"images_per_second": rates}, indent=2) + "\n")


def alternate(network, folder, batch, sides, options):
    """Return all measured images a second, by side."""
    rates = {side: [] for side in sides}
    for _ in range(options.repeats):
        for side in sides:
            command = [sys.executable, INFERRING, side, network, folder, str(batch), str(options.seconds)]
            rates[side].append(run_side(f"{side}, {network}", command))
    return rates


def show(network, batch, rates):
    """Print the table of a network at a batch."""
    others = [side for side in rates if side not in OURS]
    best = max(others, key=lambda side: statistics.median(rates[side]), default=None)
    print(f"{network}, batch {batch}".ljust(22) + f"{'images/s':>10} {'of ' + (best or 'none'):>12}")
    for side, measured in rates.items():
        ratio = f"{median_ratio(measured, rates[best]):12.2f}" if best else ""
        print(f"{side:22}{statistics.median(measured):10,.1f} {ratio}", flush=True)


if __name__ == "__main__":
    main()
