"""Tables of sizes as text, CSV and JSON. Loads nothing."""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

SUMMED = ("activations", "weights", "biases", "unshared", "parameters", "macs", "flops")

UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def totals(table: "pd.DataFrame") -> dict[str, int]:
    """Return the sums of a table of sizes by column."""
    return {column: int(table[column].sum()) for column in SUMMED if column in table}


def formatted(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table of sizes with all its cells as text: a line a layer, TOTAL below."""
    shown = _with_shapes(table).astype(object)
    shown.loc[len(shown)] = {"layer": "TOTAL"} | totals(table)
    return shown.map(lambda value: f"{value:,}" if isinstance(value, int) else value).fillna("")


def table_text(table: "pd.DataFrame") -> str:
    """Return a table of sizes as plain text, names to the left and numbers to the right."""
    texts = formatted(table)
    for column in ("layer", "kind"):
        if column in texts:
            texts[column] = texts[column].str.ljust(texts[column].str.len().max())
    return texts.to_string(index=False)


def table_csv(table: "pd.DataFrame") -> str:
    """Return a table of sizes as CSV, shapes written 224x224x3."""
    return _with_shapes(table).to_csv(index=False)


def table_json(table: "pd.DataFrame", **more: Any) -> str:
    """Return a table of sizes, its totals and whatever else is known as JSON."""
    rows = json.loads(table.to_json(orient="records"))
    return json.dumps({"layers": rows, "totals": totals(table), **more}, indent=2)


def bytes_text(count: float) -> str:
    """Return a number of bytes in kB of 10^3, MB of 10^6 or GB of 10^9."""
    size, unit = next(((size, unit) for size, unit in UNITS if count >= size), UNITS[-1])
    return f"{count / size:,.{2 if unit == 'GB' else 1}f} {unit}"


def volume_text(table: "pd.DataFrame") -> str:
    """Return what a table's totals mean, in words and bytes."""
    sums = totals(table)
    parameters = sums.get("parameters") or sums["weights"] + sums["biases"]
    return (
        f"memory of the activations: {sums['activations']:,} floats x 4 bytes = "
        f"{bytes_text(4 * sums['activations'])} an image, forward\n"
        f"parameters: {parameters:,} floats x 4 bytes = {bytes_text(4 * parameters)}\n"
        f"operations: {sums['macs']:,} multiply-accumulates (MACs) = {sums['flops']:,} FLOPs an image"
    )


def training_text(training: Mapping[str, Any]) -> str:
    """Return the estimates of the memory of a training step and of the whole run, a line for each part."""
    parts = {
        "weights": "weights",
        "slots": "optimizer slots",
        "gradients": "weight gradients and the optimizer's temporaries",
        "activations": "activations kept for the backward pass",
        "activation_gradients": "activation gradients",
    }
    head = "training step of {batch} images, {optimizer}, {precision}; estimated, tensors alone:"
    lines = [f"  {bytes_text(training[part]):>10}  {words}" for part, words in parts.items()]
    peak = f"  {bytes_text(training['peak']):>10}  peak, at {training['layer']} going {training['direction']}"
    return "\n".join([head.format(**training), *lines, peak, *_whole_lines(training["whole"])])


def _whole_lines(whole: Mapping[str, int]) -> list[str]:
    parts = {
        "recorded": "in steps whose update is measured, with copies of the weights before it",
        "evaluation": "while validation images are measured",
        "probe": f"while activation statistics are taken, {whole['probed']} image(s) at a time",
        "device": "peak of these: the memory that a GPU needs",
        "input": "batches that wait",
        "host": "copies for a checkpoint, in host memory",
        "peak": "peak of all: a process that trains on the CPU, without TensorFlow itself",
    }
    shown = (part for part in parts if whole["probed"] or part != "probe")
    return ["the whole training:", *(f"  {bytes_text(whole[part]):>10}  {parts[part]}" for part in shown)]


def shape_text(shape: Iterable[int]) -> str:
    """Return (224, 224, 3) as "224x224x3"."""
    return "x".join(map(str, shape))


def _with_shapes(table: "pd.DataFrame") -> "pd.DataFrame":
    return table.assign(**{column: table[column].map(shape_text) for column in ("output", "field")})
