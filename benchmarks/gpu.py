"""ResNet-50 in bfloat16 on a GPU: ours on JAX against PyTorch, torch.compile, on the same card.

    python benchmarks/gpu.py [--batch 256] [--repeats 3]

The sides run in turn, each in a process of its own: `ours` is `kerasnets bench` with a batch that lies on the
card, `compiled` the same network by hand in PyTorch, channels last, under autocast, whole steps compiled with
the fastest kernels searched. Printed are medians of images a second, and the card.
"""

import argparse
import json
import statistics
import sys
import time

from sides import median_ratio, run_side

SIDE = 224


def ours(batch, steps):
    """Return images a second and the device."""
    import kerasnets

    flags = {"batch": batch, "precision": "mixed_bfloat16", "backend": "jax", "steps": steps}
    measured = kerasnets.bench("resnet50", input_shape=(SIDE, SIDE, 3), **flags)
    return batch / measured.training.step_seconds["compute"], measured.device["name"]


def compiled(batch, steps):
    """Return images a second and the device."""
    import torch
    from torch_networks import resnet50

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    model = resnet50().to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), 1e-4, 0.9)
    images = torch.randn(batch, 3, SIDE, SIDE, device=device).to(memory_format=torch.channels_last)
    labels = torch.randint(1000, (batch,), device=device)

    @torch.compile(mode="max-autotune-no-cudagraphs" if device == "cuda" else "default")
    def loss():
        with torch.autocast(device, torch.bfloat16):
            return torch.nn.functional.cross_entropy(model(images), labels)

    def run(count):
        for _ in range(count):
            optimizer.zero_grad(set_to_none=True)
            loss().backward()
            optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()

    run(3)
    started = time.perf_counter()
    run(steps)
    seconds = (time.perf_counter() - started) / steps
    return batch / seconds, torch.cuda.get_device_name() if device == "cuda" else "cpu"


SIDES = {side.__name__: side for side in (ours, compiled)}


def main():
    """Run the benchmark and print a table; or, asked for a side, one side's numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        print(json.dumps(SIDES[options.side](options.batch, options.steps)))
        return
    rates = {side: [] for side in SIDES}
    for _ in range(options.repeats):
        for side in SIDES:
            sizes = ["--batch", str(options.batch), "--steps", str(options.steps)]
            rate, device = run_side(side, [sys.executable, __file__, "--side", side, *sizes])
            rates[side].append(rate)
    print(f"ResNet-50, bfloat16, batches of {options.batch}, {device}")
    for side, measured in rates.items():
        print(f"{side:10} {statistics.median(measured):10,.1f} images/s")
    print(f"ours/compiled {median_ratio(*rates.values()):.2f}")


if __name__ == "__main__":
    main()
