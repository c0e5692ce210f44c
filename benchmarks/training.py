"""Throughput of training and prediction: ours against stock Keras and PyTorch, channels last, in float32.

    python benchmarks/training.py [--networks resnet20 lenet5] [--work prediction] [--repeats 5]
                                  [--isa avx2] [--without-stock] [--to FILE.json]

The sides run in turn, each in a process of its own, `--repeats` times; printed are medians of images a second
and the medians of the ratios of neighbouring runs. Stock Keras runs in a process with nothing of ours set.
PyTorch runs eagerly (`torch`) and with the network compiled by `torch.compile` (`compiled`); it is left out
where it is not installed, and compiling where there is no C++ compiler.

TensorFlow turns oneDNN on by itself where the CPU has AVX512-VNNI, and nowhere else. `--isa native` measures
this machine as it is; `--isa avx2` as a machine without AVX-512: oneDNN, ATen and MKL are held to AVX2 on all
sides, and oneDNN is off for stock Keras, which is what TensorFlow chooses there.

Wanted of two AVX2 cores: 1.1 times either PyTorch in training and in prediction; against stock Keras
ResNet-20 2.2 times, ResNet-50 1.7, VGG-16 1.0, LeNet-5 2.5 in training.
"""

import argparse
import importlib.util
import json
import os
import shutil
import statistics
import sys
from pathlib import Path

from sides import median_ratio, run_side

STEPPING = Path(__file__).with_name("stepping.py")
STEPS = {
    "resnet20": 10,
    "resnet50": 3,
    "vgg16": 2,
    "lenet5": 300,
    "alexnet": 4,
    "resnet18": 6,
    "googlenet": 6,
    "inception_v3": 4,
}
"""Steps of an epoch, of which two are timed."""
WANTED = {"torch": 1.1, "compiled": 1.1}
WANTED_OF_STOCK = {"resnet20": 2.2, "resnet50": 1.7, "vgg16": 1.0, "lenet5": 2.5}
WORK = ("training", "prediction")
AVX2 = {
    "ours": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "stock": {"ONEDNN_MAX_CPU_ISA": "AVX2", "TF_ENABLE_ONEDNN_OPTS": "0"},
    "torch": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
}
AVX2["compiled"] = AVX2["torch"]
OWN = {"KERAS_BACKEND", "TF_ENABLE_ONEDNN_OPTS", "LD_PRELOAD", *(key for one in AVX2.values() for key in one)}
"""Variables that no side takes over from whoever starts the benchmark."""


def main():
    """Run the benchmark and print a table a network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=STEPS, default=list(STEPS))
    parser.add_argument("--work", choices=WORK, default="training")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--isa", choices=("native", "avx2"), default="native")
    parser.add_argument("--steps", type=int, help="of an epoch, for a quick look")
    parser.add_argument("--without-stock", action="store_true", help="measure PyTorch alone beside ours")
    parser.add_argument("--to", type=Path, help="a JSON file for all numbers")
    options = parser.parse_args()
    sides = ["ours"] if options.without_stock else ["ours", "stock"]
    if importlib.util.find_spec("torch"):
        sides += ["torch"] + ["compiled"] * any(map(shutil.which, ("c++", "g++", "clang++")))
    print(f"instruction set: {'AVX2 on all sides' if options.isa == 'avx2' else 'as this machine has it'}")
    rates = {}
    for network in options.networks:
        rates[network] = alternate(network, sides, options)
        show(network, options.work, rates[network])
    if options.to:
        options.to.write_text(
            json.dumps({"isa": options.isa, "work": options.work, "images_per_second": rates}, indent=2)
            + "\n"
        )


def alternate(network, sides, options):
    """Return all measured images a second, by side."""
    rates = {side: [] for side in sides}
    for repeat in range(options.repeats):
        for side in sides:
            settings = AVX2[side] if options.isa == "avx2" else {}
            rates[side].append(
                measure(side, network, options.steps or STEPS[network], options.work, settings)
            )
        latest = ", ".join(f"{side} {rate[-1]:,.1f}" for side, rate in rates.items())
        print(f"{network}, repeat {repeat + 1}: {latest}", flush=True)
    return rates


def measure(side, network, steps, work, settings):
    """Return one side's images a second."""
    environment = {name: value for name, value in os.environ.items() if name not in OWN} | settings
    command = [sys.executable, STEPPING, side, network, str(steps), work]
    return run_side(f"{side}, {network}", command, environment)


def show(network, work, rates):
    """Print a network's table."""
    print(f"{network:12} {'images/s':>10} {'ours/side':>10} {'wanted':>8}")
    for side, measured in rates.items():
        line = f"{side:12} {statistics.median(measured):10,.1f}"
        if side != "ours":
            ratio = median_ratio(rates["ours"], measured)
            wanted = WANTED.get(side) or (WANTED_OF_STOCK.get(network, "") if work == "training" else "")
            line += f" {ratio:10.2f} {wanted:>8}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
