"""Input throughput: what training is fed with, against what others do with the same files.

    python benchmarks/input.py FOLDER [--repeats 5] [--torchvision PYTHON]

The sides run in turn, each in a process of its own, `--repeats` times; printed are medians of images a
second and the median of the ratios of neighbouring runs. FOLDER holds a folder of JPEGs for each class;
CIFAR-10 is looked for as recipes do. PYTHON is an interpreter that has torchvision; without it that side is
left out.
"""

import argparse
import statistics
import sys
from pathlib import Path

from sides import median_ratio, run_side

READING = Path(__file__).with_name("reading.py")
WANTED = {"keras_layers": 2.0, "torchvision": 1.2, "simplejpeg": 0.9}


def main():
    """Run the benchmark and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--torchvision", help="a Python that has torchvision")
    options = parser.parse_args()
    pythons = dict.fromkeys(("ours", "keras_layers", "simplejpeg", "cifar10"), sys.executable)
    if options.torchvision:
        pythons["torchvision"] = options.torchvision
    rates = {side: [] for side in pythons}
    for repeat in range(options.repeats):
        for side, python in pythons.items():
            rates[side].append(run_side(side, [python, READING, side, options.folder]))
        print(f"repeat {repeat + 1}: " + ", ".join(f"{side} {rate[-1]:,.0f}" for side, rate in rates.items()))
    print(f"{'side':14} {'images/s':>10} {'ours/side':>10} {'wanted':>8}")
    for side, measured in rates.items():
        line = f"{side:14} {statistics.median(measured):10,.0f}"
        if side in WANTED:
            line += f" {median_ratio(rates['ours'], measured):10.2f} {WANTED[side]:8}"
        print(line)


if __name__ == "__main__":
    main()
