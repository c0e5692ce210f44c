"""Each finding is told once when it begins and once when it ends."""

import json
import math

import pandas as pd

from kerasnets.diagnosis.engine import GONE, Diagnosis
from kerasnets.diagnosis.finding import Finding
from kerasnets.diagnosis.records import Records
from kerasnets.diagnosis.verdict import HEALTHY, by_severity, verdict


def found(rule, layer="(network)", **fields):
    return Finding(
        rule=rule, layer=layer, evidence=f"{rule} seen", cause="a cause", advice="a remedy", **fields
    )


def high_loss(records):
    """The newest loss is above 1."""
    high = records.steps.loss.iloc[-1] > 1
    return [found("loss_rising", figures={"loss": math.inf}, step=records.step)] if high else []


def dead_layers(records):
    return [found("dead_units", layer, step=records.step) for layer in ("b", "c")]


def told(diagnosis, losses, first=1):
    """Update with one more loss at a time; return (step, begun rules, ended rules) where there are any."""
    happened = []
    for count in range(first, len(losses) + 1):
        steps = pd.DataFrame({"step": range(1, count + 1), "loss": losses[:count]})
        begun, ended = diagnosis.update(Records(steps=steps))
        if begun or ended:
            happened.append((count, [each.rule for each in begun], [each.rule for each in ended]))
    return happened


def test_a_finding_begins_once_and_ends_when_it_is_gone_for_some_updates():
    diagnosis = Diagnosis([high_loss])
    happened = told(diagnosis, [0.5, 2, 2, 0.5, 2, 2, *[0.5] * (GONE + 2)])
    assert happened == [(2, ["loss_rising"], []), (6 + GONE, [], ["loss_rising"])]
    assert [(each.step, each.ended) for each in diagnosis.findings] == [(2, 6 + GONE)]


def test_a_finding_that_comes_back_is_told_again_but_must_be_gone_for_longer():
    losses = [2, *[0.5] * GONE] * 2 + [0.5] * GONE
    happened = told(Diagnosis([high_loss]), losses)
    began, gone = (["loss_rising"], []), ([], ["loss_rising"])
    assert happened == [(1, *began), (1 + GONE, *gone), (2 + GONE, *began), (2 + 3 * GONE, *gone)]


def test_layers_of_one_rule_are_one_finding():
    diagnosis = Diagnosis([dead_layers])
    told(diagnosis, [1, 1])
    assert [(each.layer, each.also) for each in diagnosis.findings] == [("b", ("c",))]


def test_findings_of_checks_are_added_once_and_last():
    diagnosis = Diagnosis([high_loss])
    diagnosis.add([found("softmax_twice"), found("softmax_twice")])
    diagnosis.add([found("softmax_twice"), found("no_nonlinearity", "b")])
    assert told(diagnosis, [0.5] * 20) == []
    assert [(each.rule, each.ended) for each in diagnosis.findings] == [
        ("softmax_twice", None),
        ("no_nonlinearity", None),
    ]


def test_a_diagnosis_goes_on_from_its_state():
    losses = [2, 2, 0.5, 0.5, 0.5, 0.5, 0.5, 2, 0.5]
    whole, first, second = (Diagnosis([high_loss, dead_layers]) for _ in range(3))
    all_told = told(whole, losses)
    told(first, losses[:4])
    second.set_state(json.loads(json.dumps(first.get_state(), allow_nan=False)))
    assert told(second, losses, first=5) == [each for each in all_told if each[0] > 4]
    assert second.findings == whole.findings


def test_the_verdict_names_the_gravest_lasting_faults_first():
    findings = [
        found("underfitting"),
        found("dead_units", "b"),
        found("not_finite"),
        found("loss_rising", ended=9),
        found("label_noise", note=True),
        found("rate_too_low"),
    ]
    assert verdict(findings) == (
        "not_finite: not_finite seen; dead_units: dead_units seen; "
        "rate_too_low: rate_too_low seen; and 1 more"
    )
    assert [each.rule for each in by_severity(findings)][-2:] == ["loss_rising", "label_noise"]
    assert verdict([]) == HEALTHY
    assert verdict([], finished=False) == f"so far {HEALTHY}"
    assert verdict(findings[3:5]) == "healthy: nothing lasts (loss_rising ended at step 9)"


def test_where_symptoms_alone_last_the_verdict_names_the_cause_that_was_found_before():
    slow, stuck = found("rate_too_low", ended=877), found("stuck_at_chance")
    assert verdict([slow, stuck, found("loss_flat", ended=300)]) == (
        "stuck_at_chance: stuck_at_chance seen; before, until step 877, rate_too_low: rate_too_low seen"
    )
    # a cause that lasts is the cause
    assert "before" not in verdict([slow, stuck, found("constant_weights")])
