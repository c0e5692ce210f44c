"""From a case to its numbers."""

import os
import platform
from importlib import import_module
from importlib.metadata import version
from typing import Any

from kerasnets.benchmarking import timing
from kerasnets.benchmarking.callback_cost import callback_seconds
from kerasnets.benchmarking.case import Case
from kerasnets.benchmarking.engine import Engine
from kerasnets.benchmarking.result import BenchResult, InferenceRate, MatrixProduct, PeakMemory, TrainingRate
from kerasnets.benchmarking.sizes import NetworkCost, network_cost, with_shapes
from kerasnets.errors import UserError

REPEATS = 5
REPEAT_SECONDS = {"fed": 1.0, "fixed": 1.0, "forward": 1.0, "product": 0.3}
PRODUCT_ROWS, PRODUCT_ROWS_ON_CPU = 8192, 2048
"""Rows of the matrices whose product is timed."""

SETTINGS = (
    "TF_ENABLE_ONEDNN_OPTS",
    "ONEDNN_MAX_CPU_ISA",
    "ATEN_CPU_CAPABILITY",
    "OMP_NUM_THREADS",
    "XLA_FLAGS",
)
"""Environment variables that change how fast a backend is."""


def run_bench(case: Case, steps: int | None = None) -> BenchResult:
    """Measure a case; see `kerasnets.bench`. Keras runs on the case's backend."""
    inputs = None
    if case.backend == "tensorflow":
        from kerasnets.benchmarking.recipe_input import prepare_input

        inputs, case = prepare_input(case)
    engines = import_module(f"kerasnets.benchmarking.on_{case.backend}")
    device = engines.device()
    case = with_shapes(case)
    cost = network_cost(case, device)
    idle, _ = timing.resident_bytes()
    try:
        engine = engines.BackendEngine(case, inputs) if inputs else engines.BackendEngine(case)
        rows = PRODUCT_ROWS_ON_CPU if device["kind"] == "cpu" else PRODUCT_ROWS
        numbers = _measured(case, cost, engine, rows=rows, idle=idle, steps=steps)
    except Exception as error:
        if not timing.out_of_memory(error):
            raise
        raise UserError(
            f"--batch {case.batch}: {case.name} does not fit into memory; try a smaller one"
        ) from error
    return BenchResult(**_described(case, device, own_images=bool(inputs)), **vars(cost), **numbers)


def _measured(
    case: Case, cost: NetworkCost, engine: Engine, *, rows: int, idle: int, steps: int | None
) -> dict[str, Any]:
    """Return the measured fields of a `BenchResult`.

    Args:
        case: with its input's shape and classes.
        cost: of the case's network.
        engine: the backend's.
        rows: of the matrices whose product is timed.
        idle: bytes that the process had before there was an engine.
        steps: of a repeat; by default as many as take about a second.
    """
    engine.fed(2)  # traces, compiles, and fills the input's queue
    engine.fixed(1)
    engine.wait()
    peak, counted = engine.peak_bytes(), "by the device's allocator"
    if peak is None:
        peak, counted = timing.resident_bytes()[1] - idle, "resident, above the idle process"
    works = {
        "fed": engine.fed,
        "fixed": engine.fixed,
        "forward": engine.forward,
        "product": engine.product(rows),
    }
    for work in works.values():
        work(1)
    counts = dict.fromkeys(("fed", "fixed", "forward"), steps) if steps else {}
    for name in works.keys() - counts.keys():
        counts[name] = timing.steps_in(REPEAT_SECONDS[name], engine, works[name])
    taken = timing.alternating(engine, {name: (work, counts[name]) for name, work in works.items()}, REPEATS)
    product = MatrixProduct(rows, 2 * rows**3 / timing.median(taken["product"]), taken["product"])
    parts = _step_parts(case, engine, taken)
    training = _rate(sum(parts.values()), 3 * cost.training_macs * case.batch, case, product=product)
    inference = _rate(timing.median(taken["forward"]), cost.macs * case.batch, case, product=product)
    return {
        "steps": counts["fed"],
        "training": TrainingRate(
            **training, step_seconds=parts, repeats={name: taken[name] for name in ("fixed", "fed")}
        ),
        "inference": InferenceRate(**inference, repeats=taken["forward"]),
        "matrix_product": product,
        "memory": PeakMemory(peak, counted),
    }


def _rate(seconds: float, macs: int, case: Case, *, product: MatrixProduct) -> dict[str, float]:
    """Return how fast a batch is that takes so many seconds and multiply-accumulates."""
    flops = 2 * macs / seconds
    return {
        "images_per_second": case.batch / seconds,
        "seconds": seconds,
        "flops_per_second": flops,
        "share_of_matrix_product": flops / product.flops_per_second,
    }


def _step_parts(case: Case, engine: Engine, taken: dict[str, list[float]]) -> dict[str, float]:
    """Return what a training step consists of, in seconds."""
    compute, fed = (timing.median(taken[name]) for name in ("fixed", "fed"))
    callbacks = callback_seconds(case, engine)
    callbacks += fed * engine.checkpoint_share(case.recipe.train.checkpoint_seconds)
    # less than nothing only by chance
    return {"input": max(0.0, fed - compute), "compute": compute, "callbacks": callbacks}


def _described(case: Case, device: dict[str, Any], *, own_images: bool) -> dict[str, Any]:
    """Return the fields of a `BenchResult` that say what was measured, and on what."""
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
    }
