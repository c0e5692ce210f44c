"""`kerasnets study faults`: are faults found and rightly named, and is it quiet where nothing is wrong?

Rules were tuned on one set of programs and sound trainings, and never on the other, which is held out. The
records of all trainings stay in the study's folder, a folder a part: after a rule was changed, remove
results.csv, and the command judges them anew, without training.
"""

import json
import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kerasnets.callbacks import HealthCheck
from kerasnets.studies.faults import inputs, layers_and_weights, outputs, rates
from kerasnets.studies.faults.held_out import programs
from kerasnets.studies.faults.held_out.sound import HELD_OUT
from kerasnets.studies.faults.program import PROGRAMS, Training
from kerasnets.studies.faults.recorded import Recorded, Recorder, read_recorded
from kerasnets.studies.faults.sound import HEALTHY
from kerasnets.studies.study import Row, Study

FAULTY, CORRECTED, SOUND = "faulty", "corrected", "sound"

TUNED, HELD = "tuned on", "held out"

_MODULES = (programs, outputs, layers_and_weights, rates, inputs)
"""Imported for what they enter into `PROGRAMS`."""

TRAININGS = HELD_OUT | HEALTHY
"""All sound trainings by name."""


def run_part(part: str, folder: Path) -> list[Row]:
    """Train one program with or without its fault, or a sound one, and return what rules find.

    Its records stay in the study's folder: where they are there, rules judge them anew without training.
    """
    recorded = read_recorded(folder / part)
    if recorded is None:
        recorded = record(part)
        recorded.write(folder / part)
    findings = [
        {"rule": each.rule, "step": each.step, "note": each.note, "layer": each.layer, "text": each.evidence}
        for each in recorded.judged()
    ]
    return [{"findings": json.dumps(findings), "error": recorded.error, **recorded.last}]


def record(part: str) -> Recorded:
    """Train one program with or without its fault, or a sound one, under `HealthCheck`, without a rule."""
    kind, name = part.split("/")
    # a sound training's seed is part of its name, so that no two are alike; twins have the same one
    keras.utils.set_random_seed(sum(map(ord, name)))
    training = TRAININGS[name].build() if kind == SOUND else PROGRAMS[name].build(kind == FAULTY)
    held = training.data.validation
    recorder = Recorder()
    check = HealthCheck(
        training.data.x, training.data.y, validation=held[0] if held else None, rules=[recorder]
    )
    error = _trained(training, check)
    return Recorded(
        records=recorder.whole(check.records),
        moments=tuple(recorder.moments),
        before=tuple(check.findings),
        error=error,
        last=_last(training.model),
    )


def _trained(training: Training, check: HealthCheck) -> str:
    """Train; return the first line of what Keras raised, if it did: some faults end so."""
    data = training.data
    options = {"validation_data": data.validation, **(training.options or {})}
    try:
        with _quiet():
            training.model.fit(
                data.x,
                data.y,
                epochs=training.epochs,
                batch_size=training.batch_size,
                callbacks=[check],
                verbose=0,
                **options,
            )
    except Exception as error:  # a fault may end in any error of a backend, after checks have seen it
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}"
    return ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Print neither findings nor warnings while the block runs: the faults are there on purpose."""
    logger = logging.getLogger("kerasnets")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _last(model: keras.Model) -> dict[str, float]:
    """Return the measures of the last epoch by name."""
    history = model.history.history if getattr(model, "history", None) else {}
    kept = ("loss", "accuracy", "val_loss", "val_accuracy")
    return {name: float(history[name][-1]) for name in kept if history.get(name)}


def warnings_of(findings: str) -> list[dict[str, object]]:
    """Return the findings in a cell of the results that are warnings, in the order they were found."""
    found = [each for each in json.loads(findings) if not each["note"]]
    return sorted(found, key=lambda each: each["step"])


def set_of(part: str) -> str:
    """Return which set a part is of: `TUNED` or `HELD`."""
    kind, name = part.split("/")
    held = name in HELD_OUT if kind == SOUND else PROGRAMS[name].held_out
    return HELD if held else TUNED


def table(results: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each program, and one for each sound training in which something was found.

    Columns: `set`, `TUNED` or `HELD`; `fault`; `source`; `expected`, names of which one is right;
    `detected`, whether anything was warned of; `named`, whether with a right name; `step` of that, or of the
    first warning; `found`, all warnings of the faulty program; `twin`, those of the corrected one, which
    should be none.
    """
    found = {row.part: warnings_of(row.findings) for row in results.itertuples()}
    rows = [_program_row(name, found) for name in sorted(PROGRAMS, key=lambda name: PROGRAMS[name].held_out)]
    for name, healthy in TRAININGS.items():
        if warned := found[f"{SOUND}/{name}"]:
            part = set_of(f"{SOUND}/{name}")
            rows.append({"set": part, "fault": "none", "source": healthy.what, "twin": _names(warned)})
    return pd.DataFrame(rows)


def _program_row(name: str, found: dict[str, list[dict[str, object]]]) -> Row:
    program = PROGRAMS[name]
    warned, twin = found[f"{FAULTY}/{name}"], found[f"{CORRECTED}/{name}"]
    right = [each for each in warned if each["rule"] in program.expected]
    return {
        "set": set_of(f"{FAULTY}/{name}"),
        "fault": program.fault,
        "source": program.source,
        "expected": " ".join(program.expected),
        "detected": "yes" if warned else "no",
        "named": "yes" if right else "no",
        "step": str((right or warned)[0]["step"]) if warned else "",
        "found": _names(warned),
        "twin": _names(twin) or "silent",
    }


def _names(found: Sequence[dict[str, object]]) -> str:
    return " ".join(dict.fromkeys(str(each["rule"]) for each in found))


def counts(results: pd.DataFrame, which: str) -> dict[str, tuple[int, int]]:
    """Return for each thing that is counted how often it was so, of how many.

    Args:
        results: of all parts.
        which: the set, `TUNED` or `HELD`.
    """
    programs = table(results).query("fault != 'none' and set == @which")
    warned = {row.part: bool(warnings_of(row.findings)) for row in results.itertuples()}
    twins, sound = (
        [loud for part, loud in warned.items() if part.startswith(kind) and set_of(part) == which]
        for kind in (CORRECTED, SOUND)
    )
    return {
        "faults detected": (int((programs.detected == "yes").sum()), len(programs)),
        "faults rightly named": (int((programs.named == "yes").sum()), len(programs)),
        "corrected twins with a warning": (sum(twins), len(twins)),
        "sound trainings with a warning": (sum(sound), len(sound)),
    }


def wilson(count: int, of: int, deviations: float = 1.959964) -> tuple[float, float]:
    """Return Wilson's interval of a share, by default of 95 % (Wilson 1927; Brown, Cai, DasGupta 2001).

    Args:
        count: how often something was so.
        of: how often it was looked for, at least 1.
        deviations: half the interval's width in standard deviations.
    """
    square = deviations**2
    middle = (count + square / 2) / (of + square)
    half = deviations / (of + square) * math.sqrt(count * (of - count) / of + square / 4)
    return max(0.0, middle - half), min(1.0, middle + half)


def sentence(results: pd.DataFrame) -> str:
    """Say the counts of both sets, each with its share and Wilson's 95 % interval."""
    return ". ".join(f"{which.capitalize()}: {_said(counts(results, which))}" for which in (TUNED, HELD))


def _said(counted: dict[str, tuple[int, int]]) -> str:
    said = [
        f"{name}: {count} of {of} ({count / of:.1%}, 95 % interval {low:.1%} to {high:.1%})"
        for name, (count, of) in counted.items()
        for low, high in [wilson(count, of)]
    ]
    return "; ".join(said)


def draw(results: pd.DataFrame, folder: Path) -> Figure:
    """Draw the shares with their intervals, and for each fault the step at which it was named."""
    figure = Figure(figsize=(10, 18), layout="constrained")
    shares, steps = figure.subplots(2, 1, height_ratios=(2, 9))
    counted = {
        f"{which}: {name}": each for which in (TUNED, HELD) for name, each in counts(results, which).items()
    }
    _draw_shares(shares, counted)
    _draw_steps(steps, table(results).query("fault != 'none'"))
    return figure


def _draw_shares(axes: Axes, counted: dict[str, tuple[int, int]]) -> None:
    for place, (name, (count, of)) in enumerate(counted.items()):
        low, high = wilson(count, of)
        axes.barh(place, count / of, color="tab:green" if "faults" in name else "tab:red", alpha=0.6)
        axes.plot([low, high], [place, place], color="black")
    axes.set_yticks(range(len(counted)), labels=[f"{name}, {c} of {n}" for name, (c, n) in counted.items()])
    axes.set(xlim=(0, 1), xlabel="share, with Wilson's 95 % interval")
    axes.invert_yaxis()


def _draw_steps(axes: Axes, programs: pd.DataFrame) -> None:
    places = np.arange(len(programs))
    steps = pd.to_numeric(programs.step).fillna(0).to_numpy()
    kinds = (
        ("rightly named", "tab:green", "o", programs.named == "yes"),
        ("otherwise named", "tab:orange", "o", (programs.named == "no") & (programs.detected == "yes")),
        ("missed", "tab:red", "x", programs.detected == "no"),
    )
    for label, colour, marker, chosen in kinds:
        text = f"{label} ({int(chosen.sum())})"
        axes.scatter(steps[chosen], places[chosen], color=colour, marker=marker, label=text)
    held = ["held out: " * (each == HELD) for each in programs.set]
    axes.set_yticks(places, labels=held + programs.fault, fontsize=7)
    axes.set_xscale("symlog", linthresh=10)
    axes.set(xlabel="optimizer steps done when it was first named; 0 is before training")
    axes.set(xlim=(-1, 1.5 * max(100, steps.max())), ylim=(len(programs), -1))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower center", bbox_to_anchor=(0.3, 1.0), ncols=3, frameon=False)


PARTS = tuple(
    sorted(
        (
            *(f"{kind}/{name}" for name in PROGRAMS for kind in (FAULTY, CORRECTED)),
            *(f"{SOUND}/{name}" for name in TRAININGS),
        ),
        key=lambda part: set_of(part) == TUNED,
    )
)

STUDY = Study(parts=PARTS, run=run_part, table=table, draw=draw, sentence=sentence)
