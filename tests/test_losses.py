"""Losses against NumPy, the course's figures and PyTorch."""

import importlib.util
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasnets.errors import UserError
from kerasnets.layers.label_tree import LabelTree
from kerasnets.losses import LOSSES, class_weighting, example_loss
from kerasnets.training.fit.objective import Objective

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 3, size=(40, 7)).astype("float32")
CLASSES = RNG.integers(0, 7, 40)
LABELS = np.eye(7, dtype="float32")[CLASSES]


def _log_softmax(logits):
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _hinge_terms(logits, classes, margin):
    """Return max(0, s_j - s_y + margin) for each example and each wrong class, zero for the right one."""
    terms = np.zeros_like(logits)
    for example, right in enumerate(classes):
        for wrong in set(range(logits.shape[1])) - {right}:
            terms[example, wrong] = max(0, logits[example, wrong] - logits[example, right] + margin)
    return terms


FORMULAS = [
    ("categorical_crossentropy", {}, -(LABELS * _log_softmax(LOGITS)).sum(-1)),
    (
        "categorical_crossentropy",
        {"label_smoothing": 0.1},
        -((0.9 * LABELS + 0.1 / 7) * _log_softmax(LOGITS)).sum(-1),
    ),
    ("hierarchical_softmax", {}, -(LABELS * _log_softmax(LOGITS)).sum(-1)),
    ("categorical_hinge", {}, _hinge_terms(LOGITS, CLASSES, 1).max(-1)),
    ("multiclass_hinge", {}, _hinge_terms(LOGITS, CLASSES, 1).sum(-1)),
    ("multiclass_hinge", {"margin": 2.5}, _hinge_terms(LOGITS, CLASSES, 2.5).sum(-1)),
    ("squared_multiclass_hinge", {}, (_hinge_terms(LOGITS, CLASSES, 1) ** 2).sum(-1)),
    ("squared_multiclass_hinge", {"margin": 0.5}, (_hinge_terms(LOGITS, CLASSES, 0.5) ** 2).sum(-1)),
    ("mean_squared_error", {}, ((LOGITS - LABELS) ** 2).mean(-1)),
    ("mean_absolute_error", {}, np.abs(LOGITS - LABELS).mean(-1)),
]


@pytest.mark.parametrize(("name", "options", "right"), FORMULAS, ids=[f"{n}{o}" for n, o, _ in FORMULAS])
def test_losses_are_their_formulas(name, options, right):
    losses = example_loss(name, **options)(LABELS, LOGITS)
    assert losses.shape == (40,)
    np.testing.assert_allclose(losses, right, rtol=1e-5, atol=1e-5)


def test_every_loss_has_a_formula_here():
    assert {name for name, _, _ in FORMULAS} == set(LOSSES)


@pytest.mark.parametrize(
    ("name", "margin", "scores", "right_class", "loss"),
    [
        # lecture 3: cat, car and frog
        ("multiclass_hinge", 1.0, [3.2, 5.1, -1.7], 0, 2.9),
        ("multiclass_hinge", 1.0, [1.3, 4.9, 2.0], 1, 0.0),
        ("multiclass_hinge", 1.0, [2.2, 2.5, -3.1], 2, 12.9),
        # notes on linear classification
        ("multiclass_hinge", 10.0, [13, -7, 11], 0, 8.0),
        ("multiclass_hinge", 1.0, [-2.85, 0.86, 0.28], 2, 1.58),
        ("squared_multiclass_hinge", 1.0, [3.2, 5.1, -1.7], 0, 2.9**2),
    ],
)
def test_hinges_have_the_courses_numbers(name, margin, scores, right_class, loss):
    found = example_loss(name, margin=margin)(np.eye(3)[[right_class]], np.array([scores]))
    np.testing.assert_allclose(found, [loss], atol=1e-5)


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("name", "power"), [("multiclass_hinge", 1), ("squared_multiclass_hinge", 2)], ids=["hinge", "squared"]
)
def test_hinges_are_pytorchs_times_the_number_of_classes(name, power):
    torch = pytest.importorskip("torch")
    scores = torch.tensor(LOGITS, requires_grad=True)
    theirs = torch.nn.MultiMarginLoss(p=power, margin=1.5, reduction="none")(scores, torch.tensor(CLASSES))
    theirs.sum().backward()
    with tf.GradientTape() as tape:
        logits = tf.Variable(LOGITS)
        losses = example_loss(name, margin=1.5)(LABELS, logits)
    np.testing.assert_allclose(losses, 7 * theirs.detach().numpy(), rtol=1e-4)
    np.testing.assert_allclose(tape.gradient(losses, logits), 7 * scores.grad.numpy(), rtol=1e-4, atol=1e-5)


def test_losses_are_float32_whatever_the_logits_are():
    large = np.array([[60000.0, -60000.0]], "float16")
    for name, right in (
        ("categorical_crossentropy", 120_000),
        ("multiclass_hinge", 120_001),
        ("squared_multiclass_hinge", 120_001**2),
        ("mean_squared_error", (60_000**2 + 60_001**2) / 2),
    ):
        loss = example_loss(name)(np.array([[0.0, 1.0]], "float16"), large)
        assert keras.backend.standardize_dtype(loss.dtype) == "float32"
        np.testing.assert_allclose(loss, [right], rtol=1e-3)


def test_mixed_labels_weigh_what_is_wrong():
    labels, scores = np.array([[0.75, 0.25, 0.0]]), np.array([[2.0, 1.0, 4.0]])
    right = 0.75 * 2.0 + 0.25 * 1.0
    terms = np.maximum(0, scores - right + 1)
    np.testing.assert_allclose(
        example_loss("multiclass_hinge")(labels, scores), ((1 - labels) * terms).sum(-1), rtol=1e-6
    )


def test_class_weights_go_by_the_class_and_mix_as_labels_do():
    weights = RNG.uniform(0, 3, 7).tolist()
    weighting = class_weighting(weights, 7)
    labels, factors = weighting(LABELS)
    np.testing.assert_array_equal(labels, LABELS)
    np.testing.assert_allclose(factors, np.array(weights)[CLASSES], rtol=1e-6)
    mixed = 0.3 * LABELS + 0.7 * LABELS[::-1]
    labels, factors = weighting(mixed)
    np.testing.assert_allclose(factors, mixed @ weights, rtol=1e-5)
    np.testing.assert_allclose(labels, mixed * weights / (mixed @ weights)[:, None], rtol=1e-5)


@pytest.mark.parametrize(
    ("weights", "said"), [([1.0, 2.0], "found 2 numbers"), ([0.0] * 7, "one of them above 0")]
)
def test_class_weights_that_do_not_fit(weights, said):
    with pytest.raises(UserError, match=said):
        class_weighting(weights, 7)


TREE = ([-1, -1, 0, 0, 2, 2, 1], [4, 5, 3, 6])
ELSEWHERE = """
import json, sys
import keras, numpy as np
import kerasnets
from kerasnets.layers.label_tree import LabelTree
from kerasnets.losses import LOSSES, class_weighting, example_loss

assert keras.backend.backend() == sys.argv[1]
given = json.load(sys.stdin)
labels, logits = (np.array(given[key], "float32") for key in ("labels", "logits"))
found = {name: example_loss(name)(labels, logits) for name in LOSSES}
found["labels"], found["weights"] = class_weighting(given["weights"], 7)(labels)
found["tree"] = LabelTree(*given["tree"])(logits)
model = kerasnets.build("resnet_cifar", (8, 8, 3), 4, depth=8, stochastic_depth=0.9)
parts = keras.Model(model.input, model.get_layer("stage3_block1_drop").output)
branch = keras.ops.convert_to_numpy(parts(np.ones((64, 8, 8, 3), "float32"), training=True))
lost = (branch == 0).reshape(64, -1).all(axis=1)
assert 40 < lost.sum() < 64, lost.sum()
assert "tensorflow" not in sys.modules
print(json.dumps({key: keras.ops.convert_to_numpy(value).tolist() for key, value in found.items()}))
"""


@pytest.mark.exhaustive
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_losses_are_the_same_on_other_backends(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed (extra: backends)")
    weights = [1.0, 2.0, 0.0, 0.5, 1.0, 1.0, 3.0]
    given = {"labels": LABELS.tolist(), "logits": LOGITS.tolist(), "weights": weights, "tree": TREE}
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, backend],
        input=json.dumps(given), env=os.environ | {"KERAS_BACKEND": backend}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    right = {name: example_loss(name)(LABELS, LOGITS) for name in LOSSES}
    right["labels"], right["weights"] = class_weighting(weights, 7)(LABELS)
    right["tree"] = LabelTree(*TREE)(LOGITS)
    assert set(found) == set(right)
    for name, value in right.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-5, err_msg=name)


def test_the_training_loss_adds_the_heads_and_weights_the_examples():
    """Szegedy 2014, section 5: the heads' losses count 0.3 each; evaluation asks the main output alone."""
    random = np.random.default_rng(5)
    labels, weights = np.eye(3, dtype="float32")[[0, 2, 1, 1]], np.array([1, 2, 0, 0.5], "float32")
    outputs = random.normal(size=(3, 4, 3)).astype("float32")
    objective = Objective(example_loss("categorical_crossentropy"), weighting=class_weighting([1, 3, 2], 3))
    log_p = outputs - np.log(np.exp(outputs).sum(-1, keepdims=True))
    main, first, second = -(labels * log_p).sum(-1)
    same, of_class = objective.class_weighted(labels, weights)
    np.testing.assert_array_equal(same, labels)
    np.testing.assert_allclose(of_class, weights * [1, 2, 3, 3])
    losses = objective.losses(labels, list(outputs), of_class)
    np.testing.assert_allclose(losses, (main + 0.3 * (first + second)) * weights * [1, 2, 3, 3], rtol=1e-5)
    np.testing.assert_allclose(objective.losses(labels, [outputs[0]]), main, rtol=1e-5)


def test_a_mixed_example_weighs_each_of_its_classes():
    """By hand: of classes with weights 1, 3 and 0, each part's loss counts its share times its weight."""
    logits = np.random.default_rng(6).normal(size=(3, 3)).astype("float32")
    labels = np.array([[0.75, 0.25, 0], [0.5, 0, 0.5], [0, 0, 1]], "float32")
    objective = Objective(example_loss("categorical_crossentropy"), weighting=class_weighting([1, 3, 0], 3))
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    right = -(labels * [1, 3, 0] * log_p).sum(-1)
    weighted, by = objective.class_weighted(labels, None)
    np.testing.assert_allclose(objective.losses(weighted, [logits], by), right, rtol=1e-5)


def test_an_evaluation_counts_the_weights_of_the_first_output_alone():
    shared, head = keras.Variable([1.0, 2.0]), keras.Variable([10.0])
    objective = Objective(
        example_loss("categorical_hinge"), l2=0.5, decayed=[shared, head], decayed_in_evaluation=[shared]
    )
    labels, logits = np.eye(3, dtype="float32")[[0, 2]], np.array([[2.0, 0, 0], [0, 1, 0]], "float32")
    training = objective.results(objective.sums(labels, logits, objective.losses(labels, [logits])))
    measured = objective.results(objective.evaluation_sums(labels, logits))
    hinge = np.mean([0, 2])
    assert training == {"loss": hinge + 0.25 * 105, "accuracy": 0.5}
    right = -np.log([np.exp(2) / (np.exp(2) + 2), 1 / (2 + np.e)]).mean()
    assert measured == pytest.approx({"loss": hinge + 0.25 * 5, "accuracy": 0.5, "cross_entropy": right})
