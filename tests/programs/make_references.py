"""Write reference_outputs.csv: what torchvision's and timm's networks give for weights and images that the
tests can draw again without PyTorch.

    python -m venv ref && ref/bin/pip install torch==2.14.1 torchvision==0.29.1 timm==1.0.31 pandas
    PYTHONPATH=tests/support ref/bin/python tests/programs/make_references.py

It also prints each network's multiply-accumulates in convolutions and dense layers.
"""

import math
from pathlib import Path

import pandas as pd
import timm
import torch
import torchvision
from seeded import seeded_images, seeded_tensor

NETWORKS = {
    "alexnet_owt": ("torchvision", "alexnet", 224),
    **{
        f"vgg{depth}{bn}": ("torchvision", f"vgg{depth}{bn}", 224)
        for depth in (11, 13, 16, 19)
        for bn in ("", "_bn")
    },
    "googlenet_bn": ("torchvision", "googlenet", 224),
    "inception_v3": ("torchvision", "inception_v3", 299),
    "inception_v4": ("timm", "inception_v4", 299),
    "inception_resnet_v2": ("timm", "inception_resnet_v2", 299),
    **{f"resnet{depth}": ("torchvision", f"resnet{depth}", 224) for depth in (18, 34, 50, 101, 152)},
    "vgg11/timm": ("timm", "vgg11", 224),
    "vgg16_bn/timm": ("timm", "vgg16_bn", 224),
}
"""Our name (and the source, where it has several) to the source, its name there, and its images' size."""

LOGITS = 16


def build(source, name):
    """Return a network without weights of its own, in inference."""
    if source == "timm":
        return timm.create_model(name, pretrained=False).eval()
    heads = (
        {"aux_logits": False}
        if name == "googlenet"
        else {"aux_logits": True}
        if name == "inception_v3"
        else {}
    )
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    network = getattr(torchvision.models, name)(weights=None, **options, **heads)
    return network.eval()


def multiply_accumulates(network, images):
    """Count them by hooks on convolutions and dense layers."""
    total = 0

    def count(module, inputs, output):
        nonlocal total
        positions = math.prod(output.shape[2:]) if isinstance(module, torch.nn.Conv2d) else 1
        total += positions * module.weight.numel()

    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Linear):
            module.register_forward_hook(count)
    network(images[:1])
    return total


def main():
    """Make the table."""
    columns = {}
    for ours, (source, name, size) in NETWORKS.items():
        network = build(source, name)
        state = {
            key: torch.from_numpy(seeded_tensor(key, tuple(tensor.shape)))
            for key, tensor in network.state_dict().items()
            if not key.endswith("num_batches_tracked")
        }
        network.load_state_dict(state, strict=False)
        images = torch.from_numpy(seeded_images(size).transpose(0, 3, 1, 2).copy())
        with torch.no_grad():
            logits = network(images)[:, :LOGITS].numpy()
            print(ours, logits.std(), f"{multiply_accumulates(network, images):,}")
        columns[ours] = logits.flatten()
    table = pd.DataFrame(columns)
    table.to_csv(Path(__file__).parent.parent / "reference_outputs.csv", index=False, float_format="%.9g")


if __name__ == "__main__":
    main()
