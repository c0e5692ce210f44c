"""The sizes of a stack of layers typed by hand: `32x32x3 conv10-3x3 relu pool2 fc10`, as the course counts.

A layer of window F, stride S and padding P has (W - F + 2P) / S + 1 positions on a width W, a whole number.
"""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from kerasnets.catalog.parse import parse_volume
from kerasnets.errors import UserError

IN_PLACE = ("relu", "tanh", "sigmoid", "dropout")
ELEMENTWISE = (*IN_PLACE, "lrn", "bn")
WINDOWED = ("convN-FxF[-sS][-pP][-gG]", "poolF[-sS][-pP]", "avgpoolF[-sS][-pP]", "globalpool", "fcN")
CONVOLUTION = re.compile(r"conv(\d+)-(\d+)x(\d+)((?:-[spg]\d+)*)")
POOL = re.compile(r"(?:max|avg)?pool(\d+)((?:-[sp]\d+)*)")
CONNECTED = re.compile(r"fc(\d+)")


def stack_sizes(volume: str, layers: Iterable[str]) -> pd.DataFrame:
    """Return the sizes of a stack of layers, for one image.

    By default a convolution's stride is 1, and its padding (F - 1) / 2, which keeps the size; with other
    strides, or an even F, its padding is 0. A pool's stride is its window, its padding 0.

    Args:
        volume: the input, "HEIGHTxWIDTHxCHANNELS".
        layers: strings such as "conv10-3x3-s2-p1-g2", "pool3-s2", "relu", "fc10".

    Returns:
        A table with a row for the input and for each layer: `layer`, `output` (shape), `activations` (floats;
        0 where a layer works in place), `weights`, `biases`, `unshared` (weights if each position had its
        own), `macs` (multiply-accumulates), `flops`, `field` (receptive field, height and width in pixels).

    Raises:
        UserError: a layer that cannot be read, or that does not fit its input.
    """
    shape: tuple[int, ...] = parse_volume(volume)
    field: tuple[int, ...] = (1, 1)
    stride: tuple[int, ...] = (1, 1)
    window: Sequence[int] | None
    rows = [_row("input", shape, field)]
    for text in layers:
        if match := CONVOLUTION.fullmatch(text):
            shape, counts, window, step = _convolution(match, shape)
        elif match := POOL.fullmatch(text):
            shape, counts, window, step = _pool(match, shape)
        elif match := CONNECTED.fullmatch(text):
            inputs, shape = math.prod(shape), (_positive(match[1], text),)
            counts, window, step = {"weights": inputs * shape[0], "biases": shape[0]}, None, (1, 1)
        elif text == "globalpool":
            shape, counts, window, step = (shape[-1],), {}, None, (1, 1)
        elif text in ELEMENTWISE:
            # a scale and a shift per channel
            counts = {"weights": shape[-1], "biases": shape[-1]} if text == "bn" else {}
            window, step = (1, 1), (1, 1)
        else:
            raise UserError(f"{text}: not a layer, allowed: {', '.join(WINDOWED + ELEMENTWISE)}")
        if window is None:
            field = rows[0]["output"][:2]
        else:
            field = tuple(f + (w - 1) * s for f, w, s in zip(field, window, stride, strict=True))
        stride = tuple(s * t for s, t in zip(stride, step, strict=True))
        rows.append(_row(text, shape, field, **counts))
    return pd.DataFrame(rows)


def _row(
    layer: str,
    shape: tuple[int, ...],
    field: tuple[int, ...],
    *,
    weights: int = 0,
    biases: int = 0,
    unshared: int | None = None,
) -> dict[str, Any]:
    connects = layer.startswith(("conv", "fc"))
    unshared = weights if unshared is None else unshared
    macs = unshared if connects else 0
    floats = 0 if layer in IN_PLACE else math.prod(shape)
    return {
        "layer": layer,
        "output": shape,
        "activations": floats,
        "weights": weights,
        "biases": biases,
        "unshared": unshared,
        "macs": macs,
        "flops": 2 * macs,
        "field": field,
    }


Layer = tuple[tuple[int, ...], dict[str, int], Sequence[int] | None, tuple[int, int]]
"""Output shape, the counts of `_row`, window (None for all of the input) and stride of a layer."""


def _convolution(match: re.Match[str], shape: tuple[int, ...]) -> Layer:
    filters, *window = (_positive(number, match[0]) for number in match.groups()[:3])
    options = _options(match[4], match[0])
    stride, groups = options.get("s", 1), options.get("g", 1)
    keeping = tuple((size - 1) // 2 if stride == 1 and size % 2 else 0 for size in window)
    padding = (options["p"],) * 2 if "p" in options else keeping
    height, width, channels = _image(shape, match[0])
    if channels % groups or filters % groups:
        raise UserError(
            f"{match[0]}: {groups} groups do not divide {channels} channels and {filters} filters evenly"
        )
    positions = _positions((height, width), window, stride=stride, padding=padding, what="filter")
    weights = math.prod(window) * channels // groups * filters
    counts = {"weights": weights, "biases": filters, "unshared": math.prod(positions) * weights}
    return (*positions, filters), counts, window, (stride, stride)


def _pool(match: re.Match[str], shape: tuple[int, ...]) -> Layer:
    window = (_positive(match[1], match[0]),) * 2
    options = _options(match[2], match[0])
    stride = options.get("s", window[0])
    height, width, channels = _image(shape, match[0])
    padding = (options.get("p", 0),) * 2
    positions = _positions((height, width), window, stride=stride, padding=padding, what="pool")
    return (*positions, channels), {}, window, (stride, stride)


def _positions(
    lengths: tuple[int, int], window: Sequence[int], *, stride: int, padding: Sequence[int], what: str
) -> tuple[int, ...]:
    """Return (W - F + 2P) / S + 1 for height and width."""
    positions = []
    for length, size, pad in zip(lengths, window, padding, strict=True):
        count, rest = divmod(length - size + 2 * pad, stride)
        if rest or count < 0:
            exact = (length - size + 2 * pad) / stride + 1
            raise UserError(
                f"({length} - {size}{f' + 2*{pad}' if pad else ''}) / {stride} + 1 = {exact:.3g}: "
                f"a {window[0]}x{window[1]} {what} at stride {stride} does not fit a "
                f"{lengths[0]}x{lengths[1]} input{f' padded by {pad}' if pad else ''}"
            )
        positions.append(count + 1)
    return tuple(positions)


def _options(text: str, layer: str) -> dict[str, int]:
    """Return the numbers of "-s2-p1" by letter; only padding may be 0."""
    options: dict[str, int] = {}
    for part in text.split("-")[1:]:
        letter, number = part[0], part[1:]
        if letter in options:
            raise UserError(f"{layer}: found -{letter} twice, allowed: once")
        options[letter] = int(number) if letter == "p" else _positive(number, layer)
    return options


def _positive(number: str, layer: str) -> int:
    if int(number) == 0:
        raise UserError(f"{layer}: found 0, allowed: positive numbers (and -p0)")
    return int(number)


def _image(shape: tuple[int, ...], layer: str) -> tuple[int, ...]:
    if len(shape) != 3:
        raise UserError(f"{layer}: comes after {shape[0]} units without height and width, allowed: before fc")
    return shape
