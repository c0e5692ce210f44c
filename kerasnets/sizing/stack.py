"""The sizes of a stack of layers typed by hand: `32x32x3 conv10-3x3 relu pool2 fc10`, as the course counts.

A layer of window F, stride S and padding P makes (W - F + 2P) / S + 1 positions of W; that must be whole.
"""

import math
import re

import pandas as pd

from kerasnets.catalog.parse import parse_volume
from kerasnets.errors import UserError

IN_PLACE = ("relu", "tanh", "sigmoid", "dropout")
ELEMENTWISE = (*IN_PLACE, "lrn", "bn")
WINDOWED = ("convN-FxF[-sS][-pP][-gG]", "poolF[-sS][-pP]", "avgpoolF[-sS][-pP]", "globalpool", "fcN")
CONVOLUTION = re.compile(r"conv(\d+)-(\d+)x(\d+)((?:-[spg]\d+)*)")
POOL = re.compile(r"(?:max|avg)?pool(\d+)((?:-[sp]\d+)*)")
CONNECTED = re.compile(r"fc(\d+)")


def stack_sizes(volume, layers):
    """Return the sizes of a stack of layers, for one image.

    A convolution's stride is 1 and its padding (F - 1) / 2, which keeps the size; at other strides, and for
    an even F, it is 0. A pool's stride is its window, its padding 0.

    Args:
        volume: the input, "HEIGHTxWIDTHxCHANNELS".
        layers: strings such as "conv10-3x3-s2-p1-g2", "pool3-s2", "relu", "fc10".

    Returns:
        DataFrame, the input and then a row a layer: `layer`, `output` (shape), `activations` (floats; none
        where a layer works in place),
        `weights`, `biases`, `unshared` (weights if each position had its own), `macs`, `flops`, `field`
        (receptive field, height and width).

    Raises:
        UserError: a layer that cannot be read, or that does not fit its input.
    """
    shape, field, stride = parse_volume(volume), (1, 1), (1, 1)
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


def _row(layer, shape, field, weights=0, biases=0, unshared=None):
    connects = layer.startswith(("conv", "fc"))
    unshared = weights if unshared is None else unshared
    macs = unshared if connects else 0
    floats = 0 if layer in IN_PLACE else math.prod(shape)
    return {
        "layer": layer, "output": shape, "activations": floats, "weights": weights,
        "biases": biases, "unshared": unshared, "macs": macs, "flops": 2 * macs, "field": field,
    }  # fmt: skip


def _convolution(match, shape):
    filters, *window = (_positive(number, match[0]) for number in match.groups()[:3])
    options = _options(match[4], match[0])
    stride, groups = options.get("s", 1), options.get("g", 1)
    keeping = tuple((size - 1) // 2 if stride == 1 and size % 2 else 0 for size in window)
    padding = (options["p"],) * 2 if "p" in options else keeping
    height, width, channels = _image(shape, match[0])
    if channels % groups or filters % groups:
        raise UserError(
            f"{match[0]}: {groups} groups do not part {channels} channels and {filters} filters evenly"
        )
    positions = _positions((height, width), window, stride, padding, "filter")
    weights = math.prod(window) * channels // groups * filters
    counts = {"weights": weights, "biases": filters, "unshared": math.prod(positions) * weights}
    return (*positions, filters), counts, window, (stride, stride)


def _pool(match, shape):
    window = (_positive(match[1], match[0]),) * 2
    options = _options(match[2], match[0])
    stride = options.get("s", window[0])
    height, width, channels = _image(shape, match[0])
    positions = _positions((height, width), window, stride, (options.get("p", 0),) * 2, "pool")
    return (*positions, channels), {}, window, (stride, stride)


def _positions(lengths, window, stride, padding, what):
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


def _options(text, layer):
    """Return the numbers of "-s2-p1" by letter; padding alone may be 0."""
    options = {}
    for part in text.split("-")[1:]:
        letter, number = part[0], part[1:]
        if letter in options:
            raise UserError(f"{layer}: -{letter} stands twice, allowed: once")
        options[letter] = int(number) if letter == "p" else _positive(number, layer)
    return options


def _positive(number, layer):
    if int(number) == 0:
        raise UserError(f"{layer}: found 0, allowed: positive numbers (and -p0)")
    return int(number)


def _image(shape, layer):
    if len(shape) != 3:
        raise UserError(f"{layer}: comes after {shape[0]} units without height and width, allowed: before fc")
    return shape
