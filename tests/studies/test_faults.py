"""The benchmark of faults: programs are built, some run; `make study NAME=faults` is the whole."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sweep import sweep

from kerasnets.callbacks import HealthCheck
from kerasnets.diagnosis.names import FAULTS
from kerasnets.studies.faults import study
from kerasnets.studies.faults.held_out.sound import HELD_OUT
from kerasnets.studies.faults.program import PROGRAMS
from kerasnets.studies.faults.recorded import read_recorded
from kerasnets.studies.faults.sound import HEALTHY

pytestmark = pytest.mark.filterwarnings(
    "ignore:You are using a softmax over axis -1:UserWarning"  # some faults are of this kind
)


def test_there_are_enough_programs_and_sound_trainings():
    held = [program for program in PROGRAMS.values() if program.held_out]
    assert len(PROGRAMS) - len(held) >= 45
    assert len(held) >= 12
    assert (len(HEALTHY), len(HELD_OUT)) >= (60, 20)
    assert len({program.fault for program in PROGRAMS.values()}) == len(PROGRAMS)
    sound = HEALTHY | HELD_OUT
    assert len({healthy.what for healthy in sound.values()}) == len(HEALTHY) + len(HELD_OUT)
    assert len(study.PARTS) == len(set(study.PARTS)) == 2 * len(PROGRAMS) + len(sound)
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


@pytest.mark.parametrize("name", sweep(PROGRAMS, quick=QUICK[1:2], thorough=[QUICK[0], *[*PROGRAMS][::5]]))
def test_a_part_says_what_was_found_and_what_came_out(name, tmp_path, monkeypatch):
    """After an epoch of most: what comes of all of it is the study's, and takes an hour."""
    program = PROGRAMS[name]
    if name not in QUICK:
        one_epoch = replace(program, build=lambda faulty: replace(program.build(faulty), epochs=1))
        monkeypatch.setitem(PROGRAMS, name, one_epoch)
    (row,) = study.run_part(f"faulty/{name}", tmp_path)
    assert isinstance(json.loads(row["findings"]), list)
    if name == "labels_from_one":
        assert row["error"].startswith("InvalidArgumentError")
        assert "labels_out_of_range" in {each["rule"] for each in json.loads(row["findings"])}
    elif name == "softmax_of_one_unit":
        assert row["val_accuracy"] < 0.8
        assert "last_activation_mismatch" in {each["rule"] for each in json.loads(row["findings"])}


@pytest.mark.exhaustive
def test_records_are_judged_as_the_training_was(tmp_path):
    """A part is not trained again where its records are; rules find in them what they found live."""
    import keras

    part = "faulty/adadelta_too_slow"
    recorded = study.record(part)
    recorded.write(tmp_path / part)
    (row,) = study.run_part(part, tmp_path)
    keras.utils.set_random_seed(sum(map(ord, "adadelta_too_slow")))
    training = PROGRAMS["adadelta_too_slow"].build(True)
    held = training.data.validation
    check = HealthCheck(training.data.x, training.data.y, validation=held[0])
    training.model.fit(
        training.data.x,
        training.data.y,
        epochs=training.epochs,
        batch_size=training.batch_size,
        validation_data=held,
        callbacks=[check],
        verbose=0,
    )
    again = read_recorded(tmp_path / part)
    assert again.judged() == recorded.judged() == check.findings
    assert [each["rule"] for each in json.loads(row["findings"])] == [each.rule for each in check.findings]
    assert "rate_too_low" in {each.rule for each in check.findings}


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
            "faulty/softplus_of_classes": [("last_activation_mismatch", 0, False)],
            "sound/held_lion": [("rate_too_high", 200, False)],
        }
    )
    held = sum(program.held_out for program in PROGRAMS.values())
    programs, sound = len(PROGRAMS) - held, len(HEALTHY)
    assert study.counts(results, study.TUNED) == {
        "faults detected": (2, programs),
        "faults rightly named": (1, programs),
        "corrected twins with a warning": (1, programs),
        "sound trainings with a warning": (1, sound),
    }
    assert study.counts(results, study.HELD) == {
        "faults detected": (1, held),
        "faults rightly named": (1, held),
        "corrected twins with a warning": (0, held),
        "sound trainings with a warning": (1, len(HELD_OUT)),
    }
    table = study.table(results).set_index("fault")
    named = table.loc[PROGRAMS["missing_softmax"].fault]
    assert tuple(named[["detected", "named", "step", "twin"]]) == ("yes", "yes", "40", "silent")
    assert table.loc[PROGRAMS["rate_of_one"].fault, "found"] == "underfitting"
    assert table.loc[PROGRAMS["raw_pixels"].fault, "detected"] == "no"
    assert dict(zip(table.loc["none", "source"], table.loc["none", "set"], strict=True)) == {
        HEALTHY["iris"].what: study.TUNED,
        HELD_OUT["held_lion"].what: study.HELD,
    }
    first, held_out = study.sentence(results).split(". Held out: ")
    assert first.startswith(f"Tuned on: faults detected: 2 of {programs} (")
    assert held_out.startswith(f"faults detected: 1 of {held} (")


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
