"""Every measure against scikit-learn, or against its formula written out; intervals against what is known."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import metrics as sk

from kerasnets.judgement.by_class import class_table, confusion_table
from kerasnets.judgement.intervals import resampled_sums, wilson_ends
from kerasnets.judgement.outcomes import class_metrics, most_probable, outcomes_of
from kerasnets.judgement.values import target_table, value_metrics


def predictions(images=400, classes=7, sureness=2.0, seed=0):
    """Probabilities and labels drawn from them: calibrated, if `sureness` were 1 in both."""
    random = np.random.default_rng(seed)
    logits = sureness * random.normal(size=(images, classes))
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (probabilities.cumsum(1) > random.random((images, 1))).argmax(1)
    return probabilities, labels


def _by_scikit_learn(probabilities, labels):
    predicted, classes = probabilities.argmax(1), probabilities.shape[1]
    numbers = np.arange(classes)
    onehot = np.eye(classes)[labels]
    return {
        "accuracy": sk.accuracy_score(labels, predicted),
        "top5": sk.top_k_accuracy_score(labels, probabilities, k=5, labels=numbers),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, predicted),
        "macro_f1": sk.f1_score(labels, predicted, average="macro"),
        "weighted_f1": sk.f1_score(labels, predicted, average="weighted"),
        "log_loss": sk.log_loss(labels, probabilities, labels=numbers),
        "ece": expected_calibration_error(probabilities, labels),
        "brier": np.square(probabilities - onehot).sum(1).mean(),
    }


def expected_calibration_error(probabilities, labels):
    """Guo et al. 2017, equation 3, bin by bin."""
    sure, right = probabilities.max(1), probabilities.argmax(1) == labels
    error = 0.0
    for number in range(15):
        inside = (sure > number / 15) & (sure <= (number + 1) / 15)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
    return error


@pytest.mark.parametrize("classes", [6, 7, 30])
def test_every_measure_is_scikit_learns(classes):
    probabilities, labels = predictions(classes=classes)
    found = {name: each.value for name, each in class_metrics(outcomes_of(probabilities, labels)).items()}
    assert found == pytest.approx(_by_scikit_learn(probabilities, labels), rel=1e-12)


def test_up_to_five_classes_have_no_top_five():
    assert "top5" not in class_metrics(outcomes_of(*predictions(classes=5)))


def test_classes_without_images_or_predictions_count_as_scikit_learn_counts_them():
    probabilities, labels = predictions(classes=8)
    probabilities[:, 2] = 0  # never predicted
    probabilities[:, 5] = 0
    keep = labels != 5  # and no image of
    probabilities, labels = probabilities[keep], labels[keep]
    probabilities /= probabilities.sum(1, keepdims=True)
    found = class_metrics(outcomes_of(probabilities, labels))
    expected = _by_scikit_learn(np.maximum(probabilities, 1e-30), labels)
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "brier", "ece"):
        assert found[name].value == pytest.approx(expected[name], rel=1e-12), name
    assert np.isfinite(found["log_loss"].value), "a probability of 0 counts as the smallest number"


def test_intervals_are_percentiles_of_scikit_learn_on_the_same_resamples():
    probabilities, labels = predictions(images=150)
    found = class_metrics(outcomes_of(probabilities, labels))
    random = np.random.default_rng(0)
    draws = [random.integers(0, 150, 150) for _ in range(1000)]
    predicted = probabilities.argmax(1)
    values = [sk.balanced_accuracy_score(labels[drawn], predicted[drawn]) for drawn in draws]
    ends = np.quantile(values, (0.025, 0.975))
    assert (found["balanced_accuracy"].low, found["balanced_accuracy"].high) == pytest.approx(ends)
    losses = -np.log(probabilities[np.arange(150), labels])
    ends = np.quantile([losses[drawn].mean() for drawn in draws], (0.025, 0.975))
    assert (found["log_loss"].low, found["log_loss"].high) == pytest.approx(ends)
    right = binomtest(int((predicted == labels).sum()), 150).proportion_ci(method="wilson")
    assert (found["accuracy"].low, found["accuracy"].high) == pytest.approx((right.low, right.high))
    for each in found.values():
        assert each.low <= each.value <= each.high


@pytest.mark.parametrize(("right", "images"), [(0, 20), (7, 20), (350, 350)])
def test_intervals_of_shares_are_wilsons(right, images):
    expected = binomtest(right, images).proportion_ci(method="wilson")
    assert wilson_ends(right / images, images) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_where_every_image_is_right_the_interval_has_a_width():
    labels = np.arange(60) % 6
    found = class_metrics(outcomes_of(np.eye(6)[labels], labels))
    for name in ("accuracy", "top5", "balanced_accuracy", "macro_f1", "weighted_f1"):
        assert (found[name].value, found[name].high) == (1, 1)
        assert found[name].low == pytest.approx(binomtest(60, 60).proportion_ci(method="wilson").low)


def test_resamples_draw_as_many_images_as_there_are():
    drawn = resampled_sums(np.eye(10), resamples=50)
    assert drawn.shape == (50, 10)
    assert (drawn.sum(1) == 10).all()
    assert (drawn == resampled_sums(np.eye(10), resamples=50)).all(), "a function of the seed"
    random = np.random.default_rng(0)
    first = np.bincount(random.integers(0, 10, 10), minlength=10)
    assert drawn[0].tolist() == first.tolist()


def test_the_table_of_classes_is_scikit_learns():
    probabilities, labels = predictions(classes=6)
    table = class_table(probabilities, labels, probabilities.argmax(1), classes="abcdef")
    report = sk.classification_report(
        labels, probabilities.argmax(1), output_dict=True, target_names=list("abcdef")
    )
    for number, row in table.iterrows():
        expected = report[row["class"]]
        assert row.images == expected["support"]
        assert (row.precision, row.recall, row.f1) == pytest.approx(
            (expected["precision"], expected["recall"], expected["f1-score"])
        )
        assert row.auc == pytest.approx(sk.roc_auc_score(labels == number, probabilities[:, number]))
        own, others = (probabilities[labels == number, number], probabilities[labels != number, number])
        above = (own[:, None] > others).mean()  # Mann and Whitney's
        assert row.auc == pytest.approx(above)


def test_the_table_of_classes_has_gaps_where_nothing_can_be_said():
    labels = np.array([0, 0, 1])
    probabilities = np.array([[0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.6, 0.3, 0.1]])
    table = class_table(probabilities, labels, probabilities.argmax(1), classes="abc")
    assert np.isnan(table.precision[1]), "nothing was taken for it"
    assert table.loc[2, ["recall", "f1", "auc", "average_precision"]].isna().all(), "it has no image"
    assert table.recall.tolist()[:2] == [1, 0]
    one = class_table(np.array([[0.9, 0.1]]), np.array([0]), np.array([0]), classes="ab")
    assert np.isnan(one.auc[0]), "there is no other image"


def test_confusions_are_counted_as_scikit_learn_counts_them():
    probabilities, labels = predictions(classes=6)
    predicted = probabilities.argmax(1)
    table = confusion_table(labels, predicted, "abcdef")
    square = table.pivot_table(index="truth", columns="predicted", values="images", fill_value=0)
    assert square.to_numpy().tolist() == sk.confusion_matrix(labels, predicted).tolist()


def test_of_equal_probabilities_the_first_class_is_the_most_probable():
    assert most_probable(np.full((2, 7), 1 / 7)).tolist() == [[0, 1, 2, 3, 4]] * 2


def test_measures_of_numbers_are_scikit_learns():
    random = np.random.default_rng(0)
    truth = random.normal(size=(120, 2)) * (1, 30)
    values = truth + random.normal(size=truth.shape) * (0.5, 3)
    found = value_metrics(values, truth)
    assert found["mean_absolute_error"].value == pytest.approx(sk.mean_absolute_error(truth, values))
    assert found["mean_squared_error"].value == pytest.approx(sk.mean_squared_error(truth, values))
    assert found["r2"].value == pytest.approx(sk.r2_score(truth, values))
    table = target_table(values, truth, ["x", "y"])
    assert table.r2.tolist() == pytest.approx(sk.r2_score(truth, values, multioutput="raw_values"))
    for each in found.values():
        assert each.low < each.value < each.high
    assert np.isnan(target_table(values, np.full_like(truth, 0.1), ["x", "y"]).r2).all(), "no spread"
    assert "r2" not in value_metrics(values, np.full_like(truth, 0.1))
