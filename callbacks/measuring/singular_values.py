"""The largest singular values of many kernels, found together, on any Keras backend."""

import math
from collections.abc import Sequence

import keras
import numpy as np

from kerasnets.callbacks.measuring.packed import TOGETHER
from kerasnets.callbacks.measuring.statistics import scale_of

STEPS = 16
"""Steps of the Lanczos iteration: two passes over the kernel each."""

NOTHING = 1e-5
"""A vector that is so much shorter than the longest product of the matrix is float32's rounding."""


def largest_singular_values(kernels: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
    """Return the largest singular value of each kernel as a matrix of (inputs, outputs), float32 (kernels,).

    By `STEPS` steps of the Lanczos iteration on the Gram matrices, from a fixed start, each vector made
    orthogonal to all before it (Golub and Van Loan, "Matrix Computations", 4th edition, sections 10.1 and
    10.3.5): for outputs up to that many exact, for others slightly too low, where the largest values lie
    close together by about one in a thousand. NaN of a kernel that is not finite.
    """
    alike = _alike([_matrix_shape(kernel) for kernel in kernels])
    order = np.argsort(np.concatenate(alike)).astype("int32")
    matrices = [
        keras.ops.stack([_matrix(kernels[place]) for place in places])
        if len(places) > 1
        else _matrix(kernels[places[0]])[None]
        for places in alike
    ]
    scale = scale_of(
        keras.ops.concatenate([keras.ops.max(keras.ops.abs(each), axis=(1, 2)) for each in matrices])
    )
    tridiagonal = _tridiagonal(matrices, scale)
    finite = keras.ops.all(keras.ops.isfinite(tridiagonal), axis=(1, 2))
    solvable = keras.ops.where(finite[:, None, None], tridiagonal, 0.0)  # TensorFlow's solver raises
    values = keras.ops.eigh(solvable)[0][:, -1]
    largest = scale * keras.ops.sqrt(keras.ops.maximum(values, 0.0))
    return keras.ops.take(keras.ops.where(finite, largest, float("nan")), order)


def _matrix_shape(kernel: keras.KerasTensor) -> tuple[int, int]:
    return math.prod(kernel.shape[:-1]), kernel.shape[-1]


def _matrix(kernel: keras.KerasTensor) -> keras.KerasTensor:
    return keras.ops.reshape(keras.ops.cast(kernel, "float32"), _matrix_shape(kernel))


def _alike(shapes: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return places of equal shapes together, as many as `TOGETHER` holds: to stack them copies them."""
    found: list[list[int]] = []
    by_shape: dict[tuple[int, int], list[int]] = {}
    for place, shape in enumerate(shapes):
        group = by_shape.get(shape)
        if group is None or 4 * math.prod(shape) * (len(group) + 1) > TOGETHER:
            group = by_shape[shape] = []
            found.append(group)
        group.append(place)
    return found


def _tridiagonal(matrices: Sequence[keras.KerasTensor], scale: keras.KerasTensor) -> keras.KerasTensor:
    """Return what the Lanczos iteration makes of the Gram matrices, float32 (kernels, STEPS, STEPS).

    Args:
        matrices: (some kernels, inputs, outputs) each; all of them are divided by their scale.
        scale: (kernels,).
    """
    vector = _start(matrices)
    by_kernel, (count, widest) = scale[:, None], vector.shape

    def body(*state: keras.KerasTensor) -> tuple[keras.KerasTensor, ...]:
        step, vector, largest, basis, found = state
        at = keras.ops.cast(keras.ops.equal(keras.ops.arange(STEPS, dtype="int32"), step), "float32")
        basis = basis + at[:, None, None] * vector
        product = _gram_times(matrices, vector, by_kernel)
        alpha = keras.ops.sum(product * vector, axis=1, keepdims=True)
        largest = keras.ops.maximum(largest, _lengths(product))
        rest = _orthogonal(_orthogonal(product, basis), basis)  # the second time takes what rounding left
        beta = _lengths(rest)
        # what is left when the matrix has no more directions is rounding, which would count as a direction
        beta = keras.ops.where(beta < NOTHING * largest, 0.0, beta)
        vector = keras.ops.where(beta > 0, rest / keras.ops.maximum(beta, 1e-30), 0.0)
        return step + 1, vector, largest, basis, found + keras.ops.stack([alpha, beta]) * at

    first = (
        keras.ops.zeros((), "int32"),
        vector,
        keras.ops.zeros((count, 1), "float32"),
        keras.ops.zeros((STEPS, count, widest), "float32"),
        keras.ops.zeros((2, count, STEPS), "float32"),
    )
    found = keras.ops.while_loop(lambda step, *_: step < STEPS, body, first)[-1]
    diagonal, above = (
        found[row][:, :, None] * keras.ops.eye(STEPS, k=row, dtype="float32") for row in (0, 1)
    )
    return diagonal + above + keras.ops.transpose(above, (0, 2, 1))


def _orthogonal(vectors: keras.KerasTensor, basis: keras.KerasTensor) -> keras.KerasTensor:
    """Return what of each vector (kernels, widest) is orthogonal to its basis (STEPS, kernels, widest)."""
    shares = keras.ops.sum(basis * vectors, axis=2, keepdims=True)
    return vectors - keras.ops.sum(shares * basis, axis=0)


def _lengths(vectors: keras.KerasTensor) -> keras.KerasTensor:
    return keras.ops.sqrt(keras.ops.sum(keras.ops.square(vectors), axis=1, keepdims=True))


def _start(matrices: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
    """Return a unit vector of outputs for each kernel, the same each time; zeros follow it in a row."""
    widest = max(matrix.shape[2] for matrix in matrices)
    rows = []
    for matrix in matrices:
        drawn = np.random.default_rng(0).normal(size=matrix.shape[2])
        row = np.pad(drawn / np.linalg.norm(drawn), (0, widest - len(drawn)))
        rows += [row] * matrix.shape[0]
    return keras.ops.convert_to_tensor(np.array(rows, "float32"))


def _gram_times(
    matrices: Sequence[keras.KerasTensor], vectors: keras.KerasTensor, scale: keras.KerasTensor
) -> keras.KerasTensor:
    """Return each kernel's Gram matrix times its vector, (kernels, widest), both as `_start` lays them."""
    widest, start, products = vectors.shape[1], 0, []
    for matrix in matrices:
        count, _, outputs = matrix.shape
        rows = slice(start, start + count)
        inputs = keras.ops.matmul(matrix, vectors[rows, :outputs, None])[:, :, 0] / scale[rows]
        product = keras.ops.matmul(inputs[:, None, :], matrix)[:, 0] / scale[rows]
        products.append(keras.ops.pad(product, ((0, 0), (0, widest - outputs))))
        start += count
    return keras.ops.concatenate(products)
