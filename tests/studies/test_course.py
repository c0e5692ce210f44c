"""The course's studies: their networks by hand, and what each must come to."""

import keras
import numpy as np
import pandas as pd
import pytest

import kerasnets
from kerasnets.callbacks.measuring.layer_outputs import layer_outputs
from kerasnets.studies import filters, rates, variance


@pytest.mark.parametrize("case", ["tanh, Gaussian 0.01", "relu, He"])
def test_the_nine_layers_are_those_of_numpy(case):
    model, (x, y) = variance.network(case), variance.problem()
    assert np.bincount(y, minlength=10).min() > 50
    found = layer_outputs(model, x[:50], ["layer1", "layer9"])
    signal = x[:50].astype("float64")
    for depth in range(1, 10):
        kernel, bias = model.get_layer(f"layer{depth}").get_weights()
        activation = np.tanh if case.startswith("tanh") else lambda values: np.maximum(values, 0)
        signal = activation(signal @ kernel + bias)
        assert kernel.std() == pytest.approx(0.01 if "0.01" in case else np.sqrt(2 / 500), rel=0.02)
        if depth in (1, 9):
            (output,) = found[f"layer{depth}"]
            output = keras.ops.convert_to_numpy(output)
            np.testing.assert_allclose(output, signal, rtol=1e-2, atol=1e-3 * signal.std())


def test_roughness_is_two_for_noise_and_small_for_slopes():
    noise = np.random.default_rng(0).normal(size=(11, 11, 3, 40))
    assert filters.roughness(noise) == pytest.approx(2, rel=0.05)
    slope = np.broadcast_to(np.arange(11.0)[:, None, None, None], (11, 11, 1, 4))
    assert filters.roughness(slope) == pytest.approx(0.5 / slope[:, 0, 0, 0].var())
    assert filters.roughness(np.zeros((3, 3, 1, 2))) == 0
    assert filters.roughness(np.full((3, 3, 1, 2), np.nan)) == 0


def test_tables_and_pictures_are_made_of_any_results(tmp_path):
    rows = []
    for part, rate in rates.RATES.items():
        for step, loss in ((10, 2.3), (20, float("nan") if part == "very high" else 1.0)):
            fixed = {"accuracy": 0.5, "causes": "healthy", "verdict": "v"}
            rows.append({"part": part, "rate": rate, "step": step, "loss": loss, **fixed})
    steps = pd.DataFrame(rows)
    assert rates.table(steps)["learning rate"].tolist() == ["very high", "high", "good", "low"]
    assert len(rates.draw(steps, tmp_path).axes[0].lines) == 4
    assert rates.sentence(steps).startswith("Loss at the end by rate: 1 (very high)")


def test_filters_train_on_the_data_that_is_asked_for(refused, tmp_path, monkeypatch):
    monkeypatch.setattr(filters, "RATES", {"good": 0.01})
    monkeypatch.setitem(filters.EPOCHS, "digits", 1)
    monkeypatch.setattr(filters, "STUDY", filters.study())
    result = kerasnets.study("filters", tmp_path / "digits", data="digits")
    assert result.table.data.tolist() == ["digits"]
    assert "of the first filters on digits" in result.sentence
    arguments = ("study", "filters", "--to", tmp_path / "digits", "--data")
    assert "found results on digits; give another --to for mnist" in refused(*arguments, "mnist")
    assert "--data: found 'cifar', allowed: cifar10, digits, mnist, fashion_mnist" in refused(
        *arguments, "cifar"
    )
    assert "not with rates" in refused("study", "rates", "--to", tmp_path / "r", "--data", "mnist")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("study", "causes"),
    [
        (
            "variance",
            {
                "tanh, Gaussian 0.01": {"vanishing_activations", "bad_initialization"},
                "tanh, Gaussian 1.0": {"saturated_units", "bad_initialization"},
                "tanh, Glorot": {"healthy"},
                "relu, Gaussian 0.01": {"vanishing_activations", "bad_initialization"},
                "relu, He": {"healthy"},
            },
        ),
        (
            "rates",
            {
                "very high": {"rate_too_high"},
                "high": {"rate_too_high", "loss_oscillating"},
                "good": {"healthy"},
                "low": {"rate_too_low"},
            },
        ),
        (
            "filters",
            {"good": {"healthy"}, "rate too high": {"rate_too_high"}, "rate too low": {"rate_too_low"}},
        ),
    ],
)
def test_each_training_of_a_study_is_named_rightly(study, causes, tmp_path):
    kerasnets.study(study, tmp_path)
    results = pd.read_csv(tmp_path / "results.csv").groupby("part", sort=False).first()
    assert set(results.index) == set(causes)
    for part, allowed in causes.items():
        assert set(results.causes[part].split(", ")) & allowed, (part, results.causes[part])
