"""Temperature and threshold, against SciPy, scikit-learn and trying all; and what calibrated runs answer."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.metrics import accuracy_score, log_loss

import kerasnets
from kerasnets.calibration.temperature import fit_temperature
from kerasnets.calibration.threshold import choose_threshold, fewest_answers
from kerasnets.data.sources.load import load_dataset
from kerasnets.errors import UserError
from kerasnets.exporting import serving_check
from kerasnets.exporting.formats.onnx_file import write_onnx
from kerasnets.exporting.saved_model import write_saved_model
from kerasnets.inference.evaluate import evaluate_runs
from kerasnets.inference.run_splits import WHERE_THE_RECIPE_SAYS, load_run_splits
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.ensemble import answer_threshold, mean_predictions, open_runs
from kerasnets.runs.records.calibration import Calibration
from kerasnets.runs.trained_run import open_run

WANTED = 0.9
NOISE = 1.3


@pytest.mark.parametrize("truth", [0.4, 1.0, 2.5])
def test_the_temperature_is_scipys_and_finds_the_one_that_labels_were_drawn_by(truth):
    random = np.random.default_rng(3)
    logits = random.normal(0, 3, (4000, 6))
    draws = softmax(logits / truth, axis=1).cumsum(axis=1)
    labels = np.minimum((random.random((4000, 1)) > draws).sum(axis=1), 5)
    found = fit_temperature(logits, labels)
    best = minimize_scalar(
        lambda t: log_loss(labels, softmax(logits / t, axis=1), labels=range(6)),
        bounds=(0.05, 20), method="bounded", options={"xatol": 1e-8},
    )  # fmt: skip
    assert found == pytest.approx(best.x, rel=1e-4)
    assert found == pytest.approx(truth, rel=0.1)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_temperature_follows_the_scale_of_the_logits(scale):
    random = np.random.default_rng(0)
    logits, labels = random.normal(size=(300, 3)), random.integers(0, 3, 300)
    logits[np.arange(300), labels] += 1
    assert fit_temperature(scale * logits, labels) == pytest.approx(scale * fit_temperature(logits, labels))


@pytest.mark.parametrize(
    ("logits", "said"),
    [
        ([[2.0, 1.0], [0.0, 1.0]], "found all 2 images right, allowed: a split with a mistake in it"),
        ([[0.0, 1.0], [1.0, 0.0]], "found a network no better than chance"),
        ([[1.0, 0.0], [1.0, 0.0]], "found a network no better than chance"),
        ([[1.0, 1.0], [3.0, 3.0]], "found all 2 images right"),
    ],
)
def test_where_no_temperature_is_the_best_none_is_made_up(logits, said):
    with pytest.raises(UserError, match=said):
        fit_temperature(np.array(logits), np.array([0, 1]))


def test_the_threshold_is_the_lowest_of_all_that_reach_the_precision():
    refused = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        sure = random.integers(1, 12, 80) / 12  # many are equally sure
        right = random.random(80) < (0.1 + 0.9 * sure)
        reaching = [
            least for least in (0, *np.unique(sure))
            if (sure >= least).sum() >= 30 and right[sure >= least].mean() >= WANTED
        ]  # fmt: skip
        if reaching:
            found = choose_threshold(sure, right, WANTED)
            np.testing.assert_array_equal(sure >= found.value, sure >= reaching[0])
            assert found.answered == (sure >= found.value).mean()
            assert found.precision == accuracy_score(
                np.ones(80)[sure >= found.value], right[sure >= found.value]
            )
        else:
            refused += 1
            with pytest.raises(UserError, match=f"precision: found {WANTED}, allowed: up to 0.[4-8]"):
                choose_threshold(sure, right, WANTED)
    assert 5 < refused < 55


def test_the_precision_that_a_refusal_names_is_reached():
    random = np.random.default_rng(1)
    sure = random.random(200)
    right = random.random(200) < 0.7 * sure
    with pytest.raises(UserError, match=r"allowed: up to 0\.\d+, the most") as refusal:
        choose_threshold(sure, right, WANTED)
    named = float(str(refusal.value).partition("up to ")[2].partition(",")[0])
    assert choose_threshold(sure, right, named).precision >= named


@pytest.mark.parametrize(("precision", "fewest"), [(0.9, 30), (0.95, 60), (0.99, 300), (0, 3)])
def test_too_few_answers_tell_nothing(precision, fewest):
    """Had only `precision` of all answers been right, so many would all be right in one of 20 cases."""
    assert fewest_answers(precision) == fewest
    assert precision**fewest < 0.05
    with pytest.raises(
        UserError, match=f"found {precision} and {fewest - 1} images, allowed: .* {fewest} images"
    ):
        choose_threshold(np.full(fewest - 1, 0.5), np.ones(fewest - 1, bool), precision)
    found = choose_threshold(np.full(fewest, 0.5), np.ones(fewest, bool), precision)
    assert (found.value, found.answered, found.precision) == (0, 1, 1)


@pytest.fixture(scope="session")
def run(default_run, tmp_path_factory):
    """The trained run with noise on its weights: a network that is wrong more often."""
    folder = shutil.copytree(default_run, tmp_path_factory.mktemp("calibration") / "run")
    network, random = open_run(folder, "test").network, np.random.default_rng(0)
    for weight in network.trainable_weights:
        weight.assign(weight + random.normal(0, NOISE * np.std(weight), weight.shape))
    network.save(RunDirectory(folder).model_file)
    return folder


@pytest.fixture(scope="session")
def calibrated(run):
    return kerasnets.calibrate(run, precision=WANTED)


def _logits(run, name):
    """Return the logits of a run for one of its splits, and the labels."""
    member = open_run(run, "test", calibrated=False)
    split = load_run_splits(member, WHERE_THE_RECIPE_SAYS)[0][name]
    inputs = member.preprocessing(split.images)
    return member.network.predict(inputs, verbose=0).astype("float64"), split.labels


def _calibration_error(probabilities, labels):
    error = 0.0
    for low in np.arange(15) / 15:
        sure = probabilities.max(axis=1)
        inside = (sure > low) & (sure <= low + 1 / 15)
        if inside.any():
            right = (probabilities.argmax(axis=1) == labels)[inside].mean()
            error += inside.mean() * abs(right - sure[inside].mean())
    return error


def test_a_run_keeps_what_its_validation_images_say(run, calibrated):
    logits, labels = _logits(run, "validation")
    kept = RunDirectory(run).calibration()
    assert kept == calibrated.calibration
    assert (kept.split, kept.images, kept.precision) == ("validation", len(labels), WANTED)
    assert kept.temperature == pytest.approx(fit_temperature(logits, labels), rel=1e-4)
    before, after = softmax(logits, axis=1), softmax(logits / kept.temperature, axis=1)
    for found, right in (
        (calibrated.log_loss, [log_loss(labels, p) for p in (before, after)]),
        (calibrated.calibration_error, [_calibration_error(p, labels) for p in (before, after)]),
    ):
        assert [metric.value for metric in found] == pytest.approx(right, abs=1e-4)
        assert all(metric.low <= metric.value <= metric.high for metric in found)
    assert calibrated.log_loss[1].value < calibrated.log_loss[0].value
    answered = after.max(axis=1) >= kept.threshold
    assert calibrated.answered == answered.mean()
    assert WANTED <= calibrated.answers_right == (after.argmax(axis=1) == labels)[answered].mean()


def test_evaluate_measures_the_calibrated_probabilities_and_no_answer_changes(run, calibrated):
    logits, labels = _logits(run, "test")
    temperature = calibrated.calibration.temperature
    after, before = evaluate_runs(run), evaluate_runs(run, calibrated=False)
    assert before.cross_entropy == pytest.approx(log_loss(labels, softmax(logits, axis=1)), rel=1e-4)
    right = log_loss(labels, softmax(logits / temperature, axis=1))
    assert after.cross_entropy == pytest.approx(right, rel=1e-4)
    assert (after.accuracy, after.loss) == (before.accuracy, before.loss)
    assert (after.calibrated, before.calibrated) == (True, False)
    assert f"{after}".endswith("images, calibrated")
    assert after.classes.equals(before.classes)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Test images as files: (paths, uint8 (N, 8, 8, 1))."""
    folder, images = tmp_path_factory.mktemp("pictures"), load_dataset("digits").test.images[:16]
    paths = [folder / f"{number:02}.png" for number in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image[..., 0]).save(path)
    return paths, images


def _answers(run, images):
    """Return probabilities of a calibrated run and the labels they come to, by hand."""
    member, kept = open_run(run, "test", calibrated=False), RunDirectory(run).calibration()
    logits = member.network.predict(member.preprocessing(images), verbose=0).astype("float64")
    probabilities = softmax(logits / kept.temperature, axis=1)
    best = [member.classes[label] for label in probabilities.argmax(axis=1)]
    return probabilities, np.where(probabilities.max(axis=1) < kept.threshold, "unknown", best).tolist()


def test_predict_answers_unknown_below_the_threshold(run, calibrated, pictures, command):
    paths, images = pictures
    probabilities, labels = _answers(run, images)
    assert 1 < labels.count("unknown") < 15
    table = kerasnets.predict(run, paths, top=2)
    first, second = (table[table["rank"] == rank] for rank in (1, 2))
    assert first.label.tolist() == labels
    ranked = np.sort(probabilities, axis=1)[:, ::-1]
    np.testing.assert_allclose(first.probability, ranked[:, 0], atol=1e-5)
    np.testing.assert_allclose(second.probability, ranked[:, 1], atol=1e-5)
    assert "unknown" not in second.label.tolist()
    code, output, _ = command("predict", run, *paths, "--no-calibration", "--top", 1)
    assert code == 0
    plain = [float(line.split(",")[-1]) for line in output.splitlines()[1:]]
    np.testing.assert_allclose(plain, softmax(_raw(run, images), axis=1).max(axis=1), atol=1e-4)
    assert "unknown" not in output


def _raw(run, images):
    member = open_run(run, "test", calibrated=False)
    return member.network.predict(member.preprocessing(images), verbose=0).astype("float64")


@pytest.mark.exhaustive
def test_exports_answer_as_predict_does(run, calibrated, pictures, tmp_path):
    import onnxruntime

    paths, images = pictures
    members = open_runs(run, "test")
    probabilities, labels = _answers(run, images)
    write_saved_model(members, tmp_path / "model")
    signatures = tf.saved_model.load(str(tmp_path / "model")).signatures
    files = tf.constant([path.read_bytes() for path in paths])
    for found in (signatures["serve_uint8"](images=images), signatures["serve_bytes"](contents=files)):
        np.testing.assert_allclose(found["probabilities"], probabilities, atol=1e-5)
        np.testing.assert_array_equal(found["classes"], probabilities.argmax(axis=1))
        assert [label.decode() for label in found["labels"].numpy()] == labels
    write_onnx(members, tmp_path / "run.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "run.onnx")
    assert [output.name for output in session.get_outputs()] == ["probabilities", "classes", "labels"]
    found, classes, answers = session.run(None, {"images": images})
    np.testing.assert_allclose(found, probabilities, atol=1e-5)
    np.testing.assert_array_equal(classes, probabilities.argmax(axis=1))
    assert answers.tolist() == labels


def test_the_check_of_an_export_finds_a_wrong_answer(capsys):
    outputs = {
        "probabilities": tf.constant([[0.3, 0.7]]), "classes": tf.constant([1]), "labels": tf.constant(["b"]),
        "top_probabilities": tf.constant([[0.7, 0.3]]), "top_labels": tf.constant([["b", "a"]]),
    }  # fmt: skip
    cases = {"labels": np.array(["a", "b", "unknown"]), "threshold": np.float32(0.6)}
    serving_check._check_answer(outputs, cases, "{} of x")
    for wrong in (
        {"classes": tf.constant([0])},
        {"labels": tf.constant(["a"])},
        {"labels": tf.constant(["unknown"])},
        {"top_labels": tf.constant([["a", "b"]])},
        {"top_probabilities": tf.constant([[0.7, 0.2]])},
    ):
        with pytest.raises(SystemExit, match=r"is not .* of x"):
            serving_check._check_answer(outputs | wrong, cases, "{} of x")
    with pytest.raises(SystemExit, match="labels is not 'unknown', the answer of x"):
        serving_check._check_answer(outputs, cases | {"threshold": np.float32(0.8)}, "{} of x")


def test_an_ensemble_has_each_members_temperature_and_no_threshold(run, calibrated, pictures, tmp_path):
    _, images = pictures
    other = shutil.copytree(run, tmp_path / "other")
    Calibration(temperature=3.0, threshold=0.9, split="validation", images=9).write(
        RunDirectory(other).calibration_file
    )
    members = open_runs([run, other], "test")
    logits = _raw(run, images)
    right = sum(softmax(logits / t, axis=1) for t in (calibrated.calibration.temperature, 3.0)) / 2
    np.testing.assert_allclose(mean_predictions(members, images), right, atol=1e-5)
    assert [member.threshold for member in members] == [calibrated.calibration.threshold, 0.9]
    assert answer_threshold(members) == 0
    assert answer_threshold(members[:1]) == calibrated.calibration.threshold


def test_the_command_prints_before_and_after_with_the_images(run, calibrated, tmp_path, command):
    copy = shutil.copytree(run, tmp_path / "copy")
    code, output, errors = command("calibrate", copy, "--precision", WANTED)
    assert code == 0, errors
    assert output == f"{calibrated}\n"
    assert f"from {calibrated.calibration.images} images of validation" in output
    code, output, errors = command("calibrate", copy, "--precision", 0, "--split", "test")
    assert code == 0, errors
    assert "unknown" not in output
    kept = RunDirectory(copy).calibration()
    assert (kept.threshold, kept.precision, kept.split, kept.images) == (None, None, "test", 350)


def test_what_cannot_be_calibrated_is_refused_in_a_line_and_nothing_is_kept(run, tmp_path, refused):
    copy = shutil.copytree(run, tmp_path / "copy", ignore=shutil.ignore_patterns("calibration.json"))
    for arguments, said in (
        (["--precision", 1], "calibrate: precision: found 1.0, allowed: from 0 to below 1"),
        (
            ["--precision", 0.999],
            "validation: precision: found 0.999 and 145 images, allowed: up to 0.9793, or 3,000",
        ),
        (["--split", "train"], "calibrate: split 'train', allowed: validation, test"),
    ):
        assert said in refused("calibrate", copy, *arguments)
    assert not RunDirectory(copy).calibration_file.exists()


@pytest.mark.exhaustive
def test_a_run_without_validation_images_is_told_what_to_do(quick_recipe, tmp_path, refused):
    run = kerasnets.train(quick_recipe("data.validation=0", "train.epochs=1"), tmp_path / "run")
    said = "found no validation images, allowed: --split test or a run that sets some apart (data.validation"
    assert said in refused("calibrate", run)
    assert not RunDirectory(run).calibration_file.exists()


@pytest.mark.parametrize(
    ("key", "value"), [("temperature", 0), ("temperature", -1.0), ("temperature", 1e999), ("threshold", 1.5)]
)
def test_a_calibration_that_is_none_is_named(tmp_path, key, value):
    Calibration(temperature=2.0, split="test", images=3).write(tmp_path / "calibration.json")
    table = json.loads((tmp_path / "calibration.json").read_text()) | {key: value}
    (tmp_path / "calibration.json").write_text(json.dumps(table))
    with pytest.raises(UserError, match=rf"damaged: calibration.json: {key}: found .*, allowed:"):
        RunDirectory(tmp_path).calibration()
