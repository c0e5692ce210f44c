"""Balanced classes: weights against scikit-learn, and trainings that are the same on one and two devices."""

import re

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.utils.class_weight import compute_class_weight

import kerasnets
from kerasnets.data.audit.dataset_checks import uneven_classes
from kerasnets.data.dataset import Split
from kerasnets.data.pipeline.batches import training_batches
from kerasnets.data.pipeline.order import BatchPlan, partners, training_order
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.errors import UserError
from kerasnets.losses import class_factors, class_weighting, example_loss
from kerasnets.recipe import load_recipe
from kerasnets.runs.trained_run import open_run
from kerasnets.training.fit.objective import Objective
from kerasnets.training.setup.facts import run_facts
from kerasnets.training.setup.inputs import list_inputs, prepare_inputs

CLASSES = ("ant", "bee", "cat")
LABELS = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [50, 9, 1]))


def test_balanced_weights_are_scikit_learns():
    found = class_factors("balanced", CLASSES, LABELS)
    right = compute_class_weight("balanced", classes=np.arange(3), y=LABELS)
    np.testing.assert_allclose(found, right, rtol=1e-12)
    assert np.mean(np.array(found)[LABELS]) == pytest.approx(1)
    # classes without training images have no weight, and do not count among the others
    found = class_factors("balanced", (*CLASSES, "dog"), LABELS)
    np.testing.assert_allclose(found, [*right, 0], rtol=1e-12)


def test_weights_by_name_are_scikit_learns_and_a_wrong_name_is_named():
    found = class_factors({"bee": 3.0, "cat": 0.5}, CLASSES, LABELS)
    right = compute_class_weight({1: 3.0, 2: 0.5}, classes=np.arange(3), y=LABELS)
    assert found == right.tolist() == [1, 3, 0.5]
    with pytest.raises(
        UserError, match=r"class_weights: found 'bees', allowed: ant, bee, cat; did you mean 'bee'"
    ):
        class_factors({"bees": 3.0}, CLASSES, LABELS)


@pytest.mark.parametrize("operation", ["mixup", "cutmix"])
def test_a_mixed_example_counts_by_both_classes_with_smoothed_labels(operation):
    """By hand: each part's smoothed cross-entropy by its share and its class's weight."""
    count, side, smoothing = 12, 8, 0.1
    labels, random = np.concatenate([[0, 1, 2], LABELS[3:count]]), np.random.default_rng(1)
    images = (
        np.full((count, side, side, 1), 20, "uint8") * np.arange(count, dtype="uint8")[:, None, None, None]
    )
    preprocessing = Preprocessing([], (side, side, 1))
    preprocessing.fit(None)
    plan = BatchPlan(count, seed=4, epochs=3, balanced=labels)
    batches = training_batches(
        Split(images, labels), preprocessing, [{"op": operation, "alpha": 1.0}], plan=plan, classes=3
    )
    factors = np.array(class_factors("balanced", CLASSES, labels))
    loss = example_loss("categorical_crossentropy", label_smoothing=smoothing)
    objective = Objective(loss, weighting=class_weighting(factors, 3))
    tried = 0
    for (seen, mixed), (_, _, own) in zip(batches, training_order(count, plan), strict=True):
        own = own.numpy()
        other = own[partners(plan)]
        mean = seen.numpy().mean((1, 2, 3))
        with np.errstate(all="ignore"):
            share = np.where(own == other, 0, (mean - 20.0 * own) / (20.0 * other - 20.0 * own))
        logits = random.normal(0, 2, (count, 3)).astype("float32")
        log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))

        def part(which, log_p=log_p):
            smooth = (1 - smoothing) * np.eye(3)[labels[which]] + smoothing / 3
            return factors[labels[which]] * -(smooth * log_p).sum(1)

        by_hand = (1 - share) * part(own) + share * part(other)
        weighted, weights = objective.class_weighted(mixed, None)
        np.testing.assert_allclose(
            objective.losses(weighted, [logits], weights), by_hand, rtol=2e-3, atol=1e-3
        )
        tried += ((share > 0.1) & (factors[labels[own]] != factors[labels[other]])).sum()
    assert tried > 10


@pytest.fixture(scope="module")
def uneven(tmp_path_factory):
    """Digits 0, 1 and 2: 120, 40 and 6 images to train on."""
    images, labels = load_digits(return_X_y=True)
    kept = np.concatenate([np.flatnonzero(labels == digit)[:most] for digit, most in enumerate((120, 40, 6))])
    path = tmp_path_factory.mktemp("uneven") / "digits.npz"
    pixels = (images[kept] * 15).astype("uint8").reshape(-1, 8, 8, 1)
    np.savez(path, x_train=pixels, y_train=labels[kept], classes=["zero", "one", "two"])
    return path


def _source(path):
    return ["data.source=npz", f"data.path={path}", "data.test=0", "data.validation=0"]


def _trained(uneven, folder, *overrides):
    off = [f"diagnostics.{each}_every=0" for each in ("update_ratio", "activation_stats", "weight_stats")]
    given = [
        *_source(uneven), "train.epochs=2", "train.batch_size=32", "diagnostics.gradient_stats_every=0",
        *off, *overrides,
    ]  # fmt: skip
    return kerasnets.train(load_recipe("lenet5-digits", given), folder)


def _weights(run):
    return np.concatenate([weight.numpy().ravel() for weight in open_run(run, "test").network.weights])


EVERYTHING = (
    "data.sampling=balanced", "loss.class_weights={two=2.5}", "loss.label_smoothing=0.1", "data.streams=2",
    'augment=[{op="mixup", alpha=1.0}]', "train.accumulation=2",
)  # fmt: skip


@pytest.mark.exhaustive
def test_a_balanced_training_is_the_same_on_two_devices(uneven, tmp_path):
    first = _weights(_trained(uneven, tmp_path / "one", *EVERYTHING))
    two = _trained(uneven, tmp_path / "two", *EVERYTHING, "train.strategy=mirrored", "train.devices=2")
    assert np.linalg.norm(_weights(two) - first) <= 1e-5 * np.linalg.norm(first)


def test_balanced_weights_train_as_their_numbers_do(uneven, tmp_path):
    labels = np.repeat([0, 1, 2], [120, 40, 6])
    numbers = compute_class_weight("balanced", classes=np.arange(3), y=labels).tolist()
    by_word = _trained(uneven, tmp_path / "word", "loss.class_weights=balanced", "train.epochs=1")
    by_number = _trained(uneven, tmp_path / "number", f"loss.class_weights={numbers}", "train.epochs=1")
    np.testing.assert_array_equal(_weights(by_word), _weights(by_number))


@pytest.mark.parametrize(
    ("key", "shares"),
    [
        ("train.seed=0", [120 / 166, 40 / 166, 6 / 166]),
        ("data.sampling=balanced", [1 / 3] * 3),
        ("loss.class_weights=balanced", [1 / 3] * 3),
    ],
)
def test_the_diagnosis_knows_what_each_class_counts(uneven, key, shares):
    recipe = load_recipe("lenet5-digits", [*_source(uneven), key])
    inputs = prepare_inputs(list_inputs(recipe))
    facts = run_facts(inputs, keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(3)]))
    np.testing.assert_allclose(facts.class_shares, shares)


def test_the_audit_names_uneven_classes_and_what_helps():
    *_, (kind, split, label, said) = uneven_classes({"train": np.array([500, 9, 50])}, CLASSES)
    assert (kind, split, CLASSES[label]) == ("imbalance", "train", "bee")
    assert said.startswith("9 images in training, 500 of ant; ")
    for override in re.findall(r'(\S+ = "balanced")', said):
        load_recipe("lenet5-digits", [override.replace(" ", "").replace('"', "")])
    assert len(re.findall("balanced", said)) == 2
    assert not list(uneven_classes({"train": np.array([500, 51, 50.1])}, CLASSES))


def test_what_cannot_be_balanced_is_refused_in_a_line(uneven, tmp_path):
    for overrides, said in (
        (
            ["data.sampling=balanced", "data.streams=8"],
            r"data.streams: found 8, allowed .*: up to 6, the .* two",
        ),
        (
            ["loss.class_weights={tow=1}"],
            r"class_weights: found 'tow', allowed: zero, one, two; did you mean 'two'",
        ),
    ):
        with pytest.raises(UserError, match=said):
            _trained(uneven, tmp_path / "run", *overrides)
    assert not (tmp_path / "run").exists()
    with pytest.raises(
        UserError, match=r"loss.class_weights: found 'balanced' with data.sampling = 'balanced'"
    ):
        load_recipe("lenet5-digits", ["data.sampling=balanced", "loss.class_weights=balanced"])
    numbers = tmp_path / "numbers.npz"
    np.savez(numbers, x_train=np.zeros((64, 8, 8, 1), "uint8"), y_train=np.arange(64.0))
    overrides = ["loss.name=mean_squared_error", "data.sampling=balanced", "train.monitor=loss"]
    with pytest.raises(
        UserError, match=r"data.sampling: found 'balanced', allowed: 'shuffled': the labels are"
    ):
        _trained(numbers, tmp_path / "run", *overrides)
