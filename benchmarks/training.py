"""Training throughput: ours against stock Keras `fit` and PyTorch eager, channels last, in float32.

    python benchmarks/training.py [--networks resnet20 lenet5] [--repeats 5] [--isa avx2] [--to FILE.json]

The sides run in turn, each in a process of its own, `--repeats` times; printed are medians of images a second
and the medians of the ratios of neighbouring runs. Stock Keras runs in a process with nothing of ours set.
PyTorch is left out where it is not installed.

TensorFlow turns oneDNN on by itself where the CPU has AVX512-VNNI, and nowhere else. `--isa native` measures
this machine as it is; `--isa avx2` as a machine without AVX-512: oneDNN, ATen and MKL are held to AVX2 on all
sides, and oneDNN is off for stock Keras, which is what TensorFlow chooses there.

Wanted of two AVX2 cores: ResNet-20 2.2 times stock and 1.1 times PyTorch, ResNet-50 1.7 and 1.05, VGG-16 1.0
and 1.15, LeNet-5 2.5 times stock.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

STEPPING = Path(__file__).with_name("stepping.py")
STEPS = {"resnet20": 10, "resnet50": 3, "vgg16": 2, "lenet5": 300}
"""Steps of an epoch, of which two are timed."""
WANTED = {
    "resnet20": {"stock": 2.2, "torch": 1.1},
    "resnet50": {"stock": 1.7, "torch": 1.05},
    "vgg16": {"stock": 1.0, "torch": 1.15},
    "lenet5": {"stock": 2.5},
}
AVX2 = {
    "ours": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "stock": {"ONEDNN_MAX_CPU_ISA": "AVX2", "TF_ENABLE_ONEDNN_OPTS": "0"},
    "torch": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
}
OWN = {"KERAS_BACKEND", "TF_ENABLE_ONEDNN_OPTS", "LD_PRELOAD", *(key for one in AVX2.values() for key in one)}
"""Variables that no side takes over from whoever starts the benchmark."""


def main():
    """Run the benchmark and print a table a network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=STEPS, default=list(STEPS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--isa", choices=("native", "avx2"), default="native")
    parser.add_argument("--steps", type=int, help="of an epoch, for a quick look")
    parser.add_argument("--to", type=Path, help="a JSON file for all numbers")
    options = parser.parse_args()
    sides = ["ours", "stock", *(["torch"] if importlib.util.find_spec("torch") else [])]
    print(f"instruction set: {'AVX2 on all sides' if options.isa == 'avx2' else 'as this machine has it'}")
    rates = {}
    for network in options.networks:
        rates[network] = alternate(network, sides, options)
        show(network, rates[network])
    if options.to:
        options.to.write_text(json.dumps({"isa": options.isa, "images_per_second": rates}, indent=2) + "\n")


def alternate(network, sides, options):
    """Return all measured images a second, by side."""
    rates = {side: [] for side in sides}
    for repeat in range(options.repeats):
        for side in sides:
            settings = AVX2[side] if options.isa == "avx2" else {}
            rates[side].append(measure(side, network, options.steps or STEPS[network], settings))
        said = ", ".join(f"{side} {rate[-1]:,.1f}" for side, rate in rates.items())
        print(f"{network}, repeat {repeat + 1}: {said}", flush=True)
    return rates


def measure(side, network, steps, settings):
    """Return one side's images a second."""
    environment = {name: value for name, value in os.environ.items() if name not in OWN} | settings
    command = [sys.executable, STEPPING, side, network, str(steps)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{side}, {network}: {done.stderr.strip().splitlines()[-1]}")
    return float(done.stdout.split()[-1])


def show(network, rates):
    """Print a network's table."""
    print(f"{network:10} {'images/s':>10} {'ours/side':>10} {'wanted':>8}")
    for side, measured in rates.items():
        line = f"{side:10} {statistics.median(measured):10,.1f}"
        if side != "ours":
            ratio = statistics.median(our / other for our, other in zip(rates["ours"], measured, strict=True))
            line += f" {ratio:10.2f} {WANTED[network].get(side, ''):>8}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
