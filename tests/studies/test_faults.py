"""The benchmark of faults: programs are built, some run; `make study NAME=faults` is the whole."""

import json

import numpy as np
import pandas as pd
import pytest
from sweep import sweep

from kerasnets.diagnosis.names import FAULTS
from kerasnets.studies.faults import study
from kerasnets.studies.faults.healthy import HEALTHY
from kerasnets.studies.faults.program import PROGRAMS

pytestmark = pytest.mark.filterwarnings(
    "ignore:You are using a softmax over axis -1:UserWarning"  # some faults are of this kind
)


def test_there_are_enough_programs_and_sound_trainings():
    assert len(PROGRAMS) >= 45
    assert len(HEALTHY) >= 60
    assert len({program.fault for program in PROGRAMS.values()}) == len(PROGRAMS)
    assert len({healthy.what for healthy in HEALTHY.values()}) == len(HEALTHY)
    expected = {name for program in PROGRAMS.values() for name in program.expected}
    assert len(expected & set(FAULTS)) == len(expected) >= 25


QUICK = ("softmax_of_one_unit", "labels_from_one", "zeros_in_first_layer")


@pytest.mark.parametrize("name", sweep(PROGRAMS, quick=QUICK))
def test_a_program_and_its_twin_differ(name):
    """In their data, their settings, their layers or their weights; both have finite inputs."""
    import keras

    built = []
    for faulty in (True, False):
        keras.utils.set_random_seed(1)
        training = PROGRAMS[name].build(faulty)
        assert np.isfinite(training.data.x).all()
        model = training.model
        loss = model.loss if isinstance(model.loss, str) else model.loss.get_config()
        built.append(
            [
                training.data.x.tobytes(),
                training.data.y.tobytes(),
                [each.tobytes() for each in training.data.validation or ()],
                (training.batch_size, training.epochs, training.options),
                [each.tobytes() for each in model.get_weights()],
                [(type(each), getattr(each, "activation", None), each.trainable) for each in model.layers],
                [getattr(each, "rate", None) for each in model.layers],
                [getattr(each, "momentum", None) for each in model.layers],
                [str(getattr(each, "kernel_regularizer", None) is None) for each in model.layers],
                model.optimizer.get_config(),
                loss,
            ]
        )
    assert built[0] != built[1]


@pytest.mark.parametrize("name", sweep(PROGRAMS, quick=QUICK[:2]))
def test_a_part_says_what_was_found_and_what_came_out(name, tmp_path):
    (row,) = study.run_part(f"faulty/{name}", tmp_path)
    assert isinstance(json.loads(row["findings"]), list)
    if name == "labels_from_one":
        assert row["error"].startswith("InvalidArgumentError")
        assert "labels_out_of_range" in {each["rule"] for each in json.loads(row["findings"])}
    elif name == "softmax_of_one_unit":
        assert row["val_accuracy"] < 0.8
        assert "last_activation_mismatch" in {each["rule"] for each in json.loads(row["findings"])}


def _results(found):
    """Return results in which each part has the findings given, others none."""
    rows = []
    for part in study.PARTS:
        findings = [
            {"rule": rule, "step": step, "note": note, "layer": "dense", "text": ""}
            for rule, step, note in found.get(part, ())
        ]
        rows.append({"part": part, "findings": json.dumps(findings), "error": ""})
    return pd.DataFrame(rows)


def test_what_is_counted():
    results = _results(
        {
            "faulty/missing_softmax": [("rate_too_high", 5, False), ("last_activation_mismatch", 40, False)],
            "faulty/rate_of_one": [("underfitting", 60, False)],
            "faulty/raw_pixels": [("unnormalized_input", 0, True)],  # a note is no warning
            "corrected/raw_pixels": [("overfitting", 90, False)],
            "sound/iris": [("overfitting", 90, False), ("overfitting", 190, False)],
            "sound/wine": [("label_noise", 90, True)],
        }
    )
    programs, sound = len(PROGRAMS), len(HEALTHY)
    assert study.counts(results) == {
        "faults detected": (2, programs),
        "faults rightly named": (1, programs),
        "corrected twins with a warning": (1, programs),
        "sound trainings with a warning": (1, sound),
    }
    table = study.table(results).set_index("fault")
    named = table.loc[PROGRAMS["missing_softmax"].fault]
    assert tuple(named[["detected", "named", "step", "twin"]]) == ("yes", "yes", "40", "silent")
    assert table.loc[PROGRAMS["rate_of_one"].fault, "found"] == "underfitting"
    assert table.loc[PROGRAMS["raw_pixels"].fault, "detected"] == "no"
    assert table.loc["none", "source"] == HEALTHY["iris"].what
    assert study.sentence(results).startswith(f"faults detected: 2 of {programs} (")


def test_wilsons_interval_is_the_published_one():
    """Of 10 in 20 it is 0.299 to 0.701; of 0 in n its upper end is z² / (n + z²)."""
    np.testing.assert_allclose(study.wilson(10, 20), (0.2993, 0.7007), atol=1e-4)
    np.testing.assert_allclose(study.wilson(0, 71), (0, 3.8415 / (71 + 3.8415)), atol=1e-5)
    low, high = study.wilson(60, 68)
    scores = [(60 / 68 - p) / np.sqrt(p * (1 - p) / 68) for p in (low, high)]
    np.testing.assert_allclose(scores, (1.959964, -1.959964), rtol=1e-9)


def test_the_picture_is_drawn(tmp_path):
    results = _results({"faulty/missing_softmax": [("last_activation_mismatch", 0, False)]})
    study.draw(results, tmp_path).savefig(tmp_path / "faults.png")
    assert (tmp_path / "faults.png").stat().st_size > 10_000
