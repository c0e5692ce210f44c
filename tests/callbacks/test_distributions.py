"""Distributions and singular values of many layers' numbers, measured together, are NumPy's."""

import keras
import numpy as np
import pytest

from kerasnets.callbacks.measuring.distributions import (
    DISTRIBUTION,
    distributions,
    measured_numbers,
    quantiles_and_counts,
    sample_sizes,
)
from kerasnets.callbacks.measuring.singular_values import largest_singular_values
from kerasnets.callbacks.measuring.statistics import norm, stride
from kerasnets.catalog.quantities import BIN_EDGES, QUANTILES


def _by_numpy(values):
    """Return norm, moments, quantiles and counts of numbers, as `distributions` does of few."""
    values = values.astype("float64")
    moments = [np.linalg.norm(values), values.mean(), values.var(), np.mean(values == 0)]
    counts = np.histogram(values, [-np.inf, *BIN_EDGES, np.inf])[0]
    return np.array([*moments, *np.quantile(values, QUANTILES), *counts])


def _tensors(*arrays):
    return [keras.ops.convert_to_tensor(array) for array in arrays]


def _distributions(groups):
    return distributions(measured_numbers(groups).numpy(), sample_sizes(groups))


def test_each_layer_has_its_own_distribution_however_large_the_others_are():
    draw = np.random.default_rng(0)
    sizes = [(1,), (3, 3, 2, 5), (1024,), (1025,), (63, 130), (64,), (900,)]
    layers = [
        draw.normal(size=size).astype("float32") * 10.0 ** (place - 3) for place, size in enumerate(sizes)
    ]
    layers[1][layers[1] < 0] = 0
    layers[4] += 1e4  # a mean far larger than the deviation
    groups = [_tensors(layers[0]), _tensors(*layers[1:3]), *(_tensors(layer) for layer in layers[3:])]
    flat = [layers[0], np.concatenate([layers[1].ravel(), layers[2]]), *(x.ravel() for x in layers[3:])]
    found = _distributions(groups)
    assert found.shape == (len(flat), 1 + DISTRIBUTION)
    for row, values in zip(found, flat, strict=True):
        right = _by_numpy(values)
        np.testing.assert_allclose(row[:9], right[:9], rtol=2e-4, atol=1e-5 * np.abs(values).max())
        np.testing.assert_array_equal(row[9:], right[9:])


def test_large_layers_are_sampled_and_measured_in_parts(monkeypatch):
    monkeypatch.setattr("kerasnets.callbacks.measuring.packed.TOGETHER", 4 * 20_000)
    values = np.random.default_rng(0).normal(size=30_000).astype("float32")
    found = _distributions(
        [[keras.ops.convert_to_tensor(part)] for part in (values[:50], values, values[:9000])]
    )
    for row, part in zip(found, (values[:50], values, values[:9000]), strict=True):
        sample = part[:: stride(len(part), 8192)]
        np.testing.assert_allclose(row[:4], _by_numpy(part)[:4], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(row[4:9], _by_numpy(sample)[4:9], rtol=1e-5)
        np.testing.assert_array_equal(row[9:], _by_numpy(sample)[9:])


def test_statistics_hold_where_squares_leave_float32():
    values = np.random.default_rng(0).normal(size=1000).astype("float32")
    scales = (1e-30, 1.0, 1e30)
    found = _distributions([_tensors(values * np.float32(scale)) for scale in scales])
    for scale, row in zip(scales, found, strict=True):
        right = np.linalg.norm(values.astype("float64")) * scale
        assert row[0] == pytest.approx(right, rel=1e-5)
        assert row[1] == pytest.approx(values.mean() * scale, rel=1e-3)
        assert float(norm(keras.ops.convert_to_tensor(values * np.float32(scale)))) == pytest.approx(
            right, rel=1e-5
        )
    broken = [keras.ops.convert_to_tensor(np.array([1, np.nan, np.inf], "float32"))]
    found = _distributions([broken, [keras.ops.convert_to_tensor(values)]])
    assert np.isnan(found[0, 2])
    assert found[0, -1] == 2
    np.testing.assert_allclose(found[1], _by_numpy(values), rtol=1e-3, atol=1e-6)
    extreme = np.array([np.inf, np.nan, np.inf, -np.inf, 3, 2, 1], "float32")
    np.testing.assert_array_equal(
        quantiles_and_counts(extreme)[: len(QUANTILES)], [np.nan, 1.5, 3, np.inf, np.inf]
    )
    for count in (10, 8192, 36864, 2359296, 25_000_003):
        distance = stride(count, 8192)
        assert np.gcd(distance, count) == 1 or distance == 1
        assert -(-count // distance) <= 8192


def test_singular_values_of_many_kernels_are_numpys(monkeypatch):
    monkeypatch.setattr("kerasnets.callbacks.measuring.singular_values.TOGETHER", 4 * 3 * 3 * 8 * 16 * 2)
    draw = np.random.default_rng(1)
    shapes = [(900, 300), (3, 3, 8, 16), (1, 5), (3, 3, 8, 16), (5, 1), (72, 16), (3, 3, 8, 16)]
    kernels = [draw.normal(size=shape).astype("float32") for shape in shapes]
    kernels[2] *= np.float32(1e30)
    kernels[4] *= np.float32(1e-30)
    # few directions, or many of one length: what is left after the last is rounding, and no direction
    few = [draw.normal(size=(36, 5)), draw.normal(size=(2, 4)), np.linalg.qr(draw.normal(size=(64, 32)))[0]]
    few += [np.outer(np.arange(1, 21), np.ones(12)), np.diag([5.0, 5, 5, 1, 1, 1]), np.zeros((4, 4))]
    kernels += [each.astype("float32") for each in few]
    broken = np.full((3, 3), np.nan, "float32")
    found = largest_singular_values(
        [keras.ops.convert_to_tensor(each) for each in [*kernels, broken]]
    ).numpy()
    for value, kernel in zip(found, kernels, strict=False):
        matrix = kernel.reshape(-1, kernel.shape[-1]).astype("float64")
        near = 1e-6 if min(matrix.shape) <= 12 or matrix.shape == (64, 32) else 2e-3
        assert value == pytest.approx(np.linalg.svd(matrix, compute_uv=False)[0], rel=near)
    assert np.isnan(found[-1])
