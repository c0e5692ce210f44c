"""From a case to its numbers."""

import os
import platform
from importlib import import_module
from importlib.metadata import version

from kerasnets.benchmarking import timing
from kerasnets.benchmarking.callback_cost import watching_seconds
from kerasnets.benchmarking.sizes import located, network_sizes
from kerasnets.errors import UserError

REPEATS = 5
REPEAT_SECONDS = {"fed": 1.0, "fixed": 1.0, "forward": 1.0, "product": 0.3}
PRODUCT = {"cpu": 2048}
"""Rows of the matrices whose product is timed, by kind of device; on others:"""
LARGE_PRODUCT = 8192
SETTINGS = (
    "TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "OMP_NUM_THREADS", "XLA_FLAGS",
)  # fmt: skip
"""Variables that change how fast a backend is."""


def run_bench(case, steps=None):
    """Measure a case; see `kerasnets.api.bench` for what is returned. Keras runs on the case's backend."""
    inputs = None
    if case.backend == "tensorflow":
        from kerasnets.benchmarking.recipe_input import prepare_input

        inputs, case = prepare_input(case)
    engines = import_module(f"kerasnets.benchmarking.on_{case.backend}")
    device = engines.device()
    case = located(case)
    sizes = network_sizes(case, device)
    idle, _ = timing.resident_bytes()
    try:
        engine = engines.Engine(case, inputs) if inputs else engines.Engine(case)
        numbers = measured(case, sizes, engine, PRODUCT.get(device["kind"], LARGE_PRODUCT), idle, steps)
    except Exception as error:
        if not timing.out_of_memory(error):
            raise
        raise UserError(
            f"--batch {case.batch}: {case.name} does not fit into memory; try a smaller one"
        ) from error
    return described(case, sizes, device, bool(inputs)) | numbers


def measured(case, sizes, engine, size, idle, steps=None):
    """Return what a case's engine takes, in seconds, images, operations and bytes.

    Args:
        case: a `Case` with its input's shape and classes.
        sizes: its network's, see `network_sizes`.
        engine: the backend's `Engine`.
        size: rows of the matrices whose product is timed.
        idle: bytes that the process had before there was an engine.
        steps: of a repeat; by default as many as take about a second.
    """
    engine.fed(2)  # traces, compiles, and fills the input's queue
    engine.fixed(1)
    engine.wait()
    peak, counted = engine.peak_bytes(), "by the device's allocator"
    if peak is None:
        peak, counted = timing.resident_bytes()[1] - idle, "resident, above the idle process"
    works = {"fed": engine.fed, "fixed": engine.fixed, "forward": engine.forward}
    works["product"] = engine.product(size)
    for work in works.values():
        work(1)
    counts = dict.fromkeys(("fed", "fixed", "forward"), steps) if steps else {}
    for name in works.keys() - counts.keys():
        counts[name] = timing.steps_in(REPEAT_SECONDS[name], engine, works[name])
    taken = timing.alternating(engine, {name: (work, counts[name]) for name, work in works.items()}, REPEATS)
    product = 2 * size**3 / timing.median(taken["product"])
    parts = _parts(case, engine, taken)
    return {
        "steps": counts["fed"],
        "training": _rates(case, sum(parts.values()), 3 * sizes["training_macs"], product)
        | {"step_seconds": parts, "repeats": {name: taken[name] for name in ("fixed", "fed")}},
        "inference": _rates(case, timing.median(taken["forward"]), sizes["macs"], product)
        | {"repeats": taken["forward"]},
        "matrix_product": {"rows": size, "flops_per_second": product, "repeats": taken["product"]},
        "memory": {"peak_bytes": peak, "counted": counted},
    }


def _parts(case, engine, taken):
    """Return what a training step consists of, in seconds."""
    compute, fed = (timing.median(taken[name]) for name in ("fixed", "fed"))
    callbacks = watching_seconds(case, engine)
    if hasattr(engine, "saving_share"):
        callbacks += fed * engine.saving_share(case.recipe.train.checkpoint_seconds)
    # what the step takes longer when its batches have to come, less than nothing only by chance
    return {"input": max(0.0, fed - compute), "compute": compute, "callbacks": callbacks}


def _rates(case, seconds, macs, product):
    flops = 2 * macs * case.batch / seconds
    return {
        "images_per_second": case.batch / seconds,
        "seconds": seconds,
        "flops_per_second": flops,
        "share_of_matrix_product": flops / product,
    }


def described(case, sizes, device, own_images):
    """Return what was measured, and on what."""
    recipe, notes = case.recipe, list(case.notes)
    if case.backend != "tensorflow":
        notes += ["generated images: the input pipeline is TensorFlow's"] * case.shipped
        notes.append("callbacks: update ratios and activation statistics; checkpoints are TensorFlow's")
        if recipe.train.accumulation > 1:
            notes.append("train.accumulation is left out: the batch runs whole")
    packages = ("kerasnets", "keras", "numpy", case.backend)
    return {
        "name": case.name,
        "architecture": recipe.model.name,
        "options": recipe.model.options,
        "backend": case.backend,
        "precision": case.precision,
        "batch": case.batch,
        "input": list(case.input_shape),
        "classes": case.classes,
        "loss": recipe.loss.name,
        "optimizer": recipe.optimizer.name,
        "images": recipe.data.source if own_images else "generated",
        "notes": notes,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in packages},
        "device": device,
        "environment": {name: os.environ[name] for name in SETTINGS if name in os.environ},
        **sizes,
    }
