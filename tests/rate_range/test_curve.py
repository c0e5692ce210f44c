"""What a range test's curve says, where it is known by formula."""

import json
import math

import numpy as np
import pytest

from kerasnets.errors import UserError
from kerasnets.rate_range.curve.rate_range import RateRange, range_of_sweeps
from kerasnets.rate_range.curve.reading import read_curve, smoothed
from kerasnets.rate_range.curve.sweep import Sweep, geometric_rates
from kerasnets.rate_range.picture import draw_range
from kerasnets.rate_range.table import short_table
from kerasnets.report.drawing import style

RATES = geometric_rates(1e-6, 1e2, 80)


def swept(losses, ratios=None, rates=RATES):
    """Return a sweep through losses, the first one before any rate, until it is finished."""
    sweep = Sweep(rates)
    for loss, ratio in zip(losses, ratios if ratios is not None else np.full(len(losses), 0.1), strict=True):
        if not sweep.finished:
            sweep.add(float(loss), float(ratio))
    return sweep


def quadratic(curvatures, *, noise, seed, rates=RATES, momentum=0.0):
    """Descend on the mean of ½ λ (w - b)² over batches whose b scatter, at rising rates."""
    draw = np.random.default_rng(seed)
    curvatures = np.asarray(curvatures, "float64")
    weights = 1 + 0.1 * draw.normal(size=curvatures.shape)
    velocity, sweep = np.zeros_like(weights), Sweep(rates)
    while not sweep.finished:
        target = noise * draw.normal(size=weights.shape)
        gradient = curvatures * (weights - target)
        velocity = momentum * velocity - sweep.rate * gradient
        loss = 0.5 * np.sum(curvatures * (weights - target) ** 2)
        sweep.add(float(loss), float(np.linalg.norm(velocity) / np.linalg.norm(weights)))
        weights = weights + velocity
    return sweep


def found(*sweeps):
    return range_of_sweeps(sweeps, steps=sum(sweep.steps for sweep in sweeps), trainings=0.2)


@pytest.mark.parametrize("curvatures", [[1.0], [10.0, 1.0, 0.1], [0.05] * 5, [100.0, *[1.0] * 20]])
def test_a_quadratic_diverges_at_two_over_its_curvature(curvatures):
    """Gradient descent multiplies the error along λ by 1 - rate · λ: it grows from 2/λ on."""
    limit = 2 / max(curvatures)
    test = found(*(quadratic(curvatures, noise=0.1, seed=seed) for seed in range(3)))
    assert limit < test.diverges_at < 2 * limit
    assert test.falls_from < test.steepest < limit
    assert (test.low, test.high) == (test.falls_from, test.diverges_at)
    assert test.rates[0] < test.low


def test_momentum_moves_where_a_quadratic_diverges():
    """Heavy-ball descent diverges from 2 (1 + momentum) / λ on (Polyak 1964)."""
    limit = 2 * 1.9 / 4
    test = found(*(quadratic([4.0, 0.5], noise=0.01, seed=seed, momentum=0.9) for seed in range(3)))
    assert 0.8 * limit < test.diverges_at < 2 * limit


def test_rates_scale_with_the_loss():
    """A loss three times as large has gradients three times as large: the same at a third of the rates."""
    once, thrice = (
        found(*(quadratic([k, 0.1 * k], noise=0.1, seed=s, rates=RATES / k) for s in range(3)))
        for k in (1.0, 3.0)
    )
    for name in ("falls_from", "steepest", "diverges_at", "low", "high"):
        assert getattr(thrice, name) == pytest.approx(getattr(once, name) / 3, rel=1e-6)


def test_the_rate_of_an_update_ratio_is_read_between_the_steps():
    """The ratio is the rate times 0.04: it is 1e-3 at 0.025; one wild seed of three does not count."""
    ratios = 0.04 * np.append(RATES, RATES[-1])
    flat = np.full(len(RATES) + 1, 2.3)
    test = found(swept(flat, ratios), swept(flat, ratios), swept(flat, 1e3 * ratios))
    assert test.update_ratio_1e_3 == pytest.approx(0.025, rel=1e-3)


def test_a_loss_that_diverges_at_once_has_no_range():
    test = found(*(swept([2.3, 80.0, 4e9, math.inf]) for _ in range(3)))
    assert test.diverges_at <= RATES[1]
    assert test.falls_from is test.steepest is test.low is test.high is None
    assert "diverges at the lowest rates" in str(test)


def test_losses_that_are_not_numbers_have_no_range():
    test = found(swept([math.nan]), swept([2.3, math.nan]), swept([math.inf]))
    assert test.diverges_at == RATES[0]
    assert test.low is test.high is None
    assert np.isnan(test.losses).all()
    assert short_table(test).rate.tolist() == ["1e-06", "1.3e-06"]
    with style():
        assert draw_range(test).axes
    assert (
        RateRange.from_dict(json.loads(json.dumps(test.to_dict(), allow_nan=False))).diverges_at == RATES[0]
    )


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.2])
def test_a_flat_loss_tells_nothing(noise):
    """Whatever the noise of batches: it is no fall and no divergence."""
    for seed in range(8):
        draw = np.random.default_rng(seed)
        test = found(*(swept(2.3 + noise * draw.normal(size=len(RATES) + 1)) for _ in range(3)))
        assert test.falls_from is test.steepest is test.diverges_at is test.low is test.high is None
        assert "nothing tells where to search" in str(test)


def test_a_loss_that_only_rises_is_searched_below_divergence():
    """A trained network: its loss cannot fall, and diverges at 0.01."""
    losses = np.append(0.05, 0.05 + np.maximum(0, RATES / 0.01 - 1) * 0.05)
    test = found(*(swept(losses) for _ in range(3)))
    assert test.falls_from is test.steepest is None
    assert 0.01 < test.diverges_at < 0.05
    assert test.high == test.diverges_at
    assert test.low == pytest.approx(1e-3 * test.diverges_at)


def test_a_loss_that_falls_to_the_end_is_searched_up_to_where_it_is_lowest():
    losses = np.append(2.0, 2.0 / (1 + RATES / 1e-2))
    test = found(*(swept(losses) for _ in range(3)))
    assert test.diverges_at is None
    assert test.high == RATES[-1]
    # it has fallen by a twentieth of its whole fall where 1 / (1 + rate/0.01) = 0.95
    assert test.falls_from == pytest.approx(0.01 / 19, rel=0.2)
    # over the logarithm of the rate it is a logistic curve, steepest where half of it has fallen
    assert test.steepest == pytest.approx(0.01, rel=0.3)


def test_a_loss_that_falls_to_chance_and_stays_is_searched_to_the_end_of_its_bottom():
    """It begins above chance; from a rate of 0.1 on it swings, but never as high as it began."""
    losses = np.append(3.5, np.where(RATES < 0.1, 2.3 + 1.2 / (1 + RATES / 5e-3), 2.6))
    test = found(*(swept(losses) for _ in range(3)))
    assert test.diverges_at is None
    assert 0.05 < test.high < 0.2
    assert test.low == pytest.approx(test.falls_from)


def test_a_range_has_three_decades_at_most():
    losses = np.append(3.5, np.where(RATES < 1, 2.3 + 1.2 / (1 + RATES / 1e-5), 50.0))
    test = found(*(swept(losses) for _ in range(3)))
    assert test.falls_from < 1e-3 * test.high
    assert test.low == pytest.approx(1e-3 * test.high)


def test_a_network_that_dies_has_diverged():
    """Its rectifiers pass nothing any more: the loss is again that of chance, and stays there."""
    losses = np.append(2.3, np.where(RATES < 0.1, 2.3 / (1 + RATES / 1e-2), 2.3026))
    test = found(*(swept(losses) for _ in range(3)))
    assert 0.05 < test.diverges_at < 0.3
    assert all(sweep < len(RATES) for sweep in np.isfinite(test.losses).sum(axis=1))


def test_a_sweep_ends_where_it_diverges():
    sweep = swept([*[2.3] * 20, 2.4, 90.0, 1e3, 1e5, *[1e9] * 57])
    assert sweep.diverged
    assert sweep.steps <= 24
    assert np.isfinite(sweep.losses()).sum() == sweep.steps - 1
    assert sweep.losses()[0] == 2.3


def test_smoothing_is_a_mean_that_leaves_a_line_as_it_is():
    line = np.linspace(3, 1, 80)
    np.testing.assert_allclose(smoothed(line, RATES)[10:-10], line[10:-10], rtol=1e-9)
    noise = np.random.default_rng(0).normal(size=(500, 80))
    # independent numbers: the variance is that of a Gaussian of this width, 1 / (2 √π σ)
    width = 0.12 / np.log10(RATES[1] / RATES[0])
    expected = math.sqrt(1 / (2 * math.sqrt(math.pi) * width))
    assert smoothed(noise, RATES)[:, 10:-10].std() == pytest.approx(expected, rel=0.05)


def test_what_is_written_is_what_is_read(tmp_path):
    test = found(*(quadratic([3.0, 1.0], noise=0.1, seed=seed) for seed in range(3)))
    path = tmp_path / "range.json"
    test.write(path)
    read = RateRange.read(path)
    assert read.to_dict() == test.to_dict()
    np.testing.assert_array_equal(read.losses, test.losses)
    assert read.by_seed == test.by_seed
    assert "NaN" not in path.read_text()
    table = json.loads(path.read_text())
    for broken in ({"losses": [1.0]}, {"by_seed": [3]}, {"low": "x"}, {"rates": [1.0]}):
        path.write_text(json.dumps(table | broken))
        with pytest.raises(UserError, match=r"range\.json"):
            RateRange.read(path)
    path.write_text(json.dumps(table | {"format": 99}))
    with pytest.raises(UserError, match="newer"):
        RateRange.read(path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((0.0, 1.0, 5), "lowest is 0, allowed"),
        ((-1.0, 1.0, 5), "lowest is -1"),
        ((1.0, 1.0, 5), "highest is 1, allowed"),
        ((1.0, math.inf, 5), "highest is inf"),
        ((math.nan, 1.0, 5), "lowest is nan"),
        ((0.1, 1.0, 1), "found 1 rates"),
    ],
)
def test_rates_must_rise(arguments, said):
    with pytest.raises(ValueError, match=said):
        geometric_rates(*arguments)


def test_seeds_are_read_alone_too():
    test = found(*(quadratic([1.0], noise=0.1, seed=seed) for seed in range(3)))
    alone = [quadratic([1.0], noise=0.1, seed=seed) for seed in range(3)]
    for reading, sweep in zip(test.by_seed, alone, strict=True):
        ratios = sweep.update_ratios()[None]
        assert reading == read_curve(RATES, sweep.losses()[None], ratios, diverged=1)
    assert test.diverges_at == pytest.approx(np.median([each.diverges_at for each in test.by_seed]), rel=0.3)
