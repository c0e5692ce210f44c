"""`kerasnets study faults`: are faults found and rightly named, and is it quiet where nothing is wrong?"""

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
from kerasnets.studies.faults.healthy import HEALTHY
from kerasnets.studies.faults.program import PROGRAMS, Training
from kerasnets.studies.study import Row, Study

FAULTY, CORRECTED, SOUND = "faulty", "corrected", "sound"

_MODULES = (outputs, layers_and_weights, rates, inputs)
"""Imported for what they enter into `PROGRAMS`."""


def run_part(part: str, folder: Path) -> list[Row]:
    """Train one program with or without its fault, or a sound one, and return what was found."""
    kind, name = part.split("/")
    # a sound training's seed is part of its name, so that no two are alike; twins have the same one
    keras.utils.set_random_seed(sum(map(ord, name)))
    training = HEALTHY[name].build() if kind == SOUND else PROGRAMS[name].build(kind == FAULTY)
    check = HealthCheck(training.data.x, training.data.y)
    error = _trained(training, check)
    findings = [
        {"rule": each.rule, "step": each.step, "note": each.note, "layer": each.layer, "text": each.evidence}
        for each in check.findings
    ]
    return [{"findings": json.dumps(findings), "error": error, **_last(training.model)}]


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


def table(results: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each program, and one for each sound training in which something was found.

    Columns: `fault`; `source`; `expected`, names of which one is right; `detected`, whether anything was
    warned of; `named`, whether with a right name; `step` of that, or of the first warning; `found`, all
    warnings of the faulty program; `twin`, those of the corrected one, which should be none.
    """
    found = {row.part: warnings_of(row.findings) for row in results.itertuples()}
    rows = [_program_row(name, found) for name in PROGRAMS]
    for name, healthy in HEALTHY.items():
        if warned := found[f"{SOUND}/{name}"]:
            rows.append({"fault": "none", "source": healthy.what, "twin": _names(warned)})
    return pd.DataFrame(rows)


def _program_row(name: str, found: dict[str, list[dict[str, object]]]) -> Row:
    program = PROGRAMS[name]
    warned, twin = found[f"{FAULTY}/{name}"], found[f"{CORRECTED}/{name}"]
    right = [each for each in warned if each["rule"] in program.expected]
    return {
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


def counts(results: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Return for each thing that is counted how often it was so, of how many."""
    programs = table(results).query("fault != 'none'")
    quiet = [part for part in results.part if not part.startswith(FAULTY)]
    loud = [
        row.part
        for row in results.itertuples()
        if not row.part.startswith(FAULTY) and warnings_of(row.findings)
    ]
    twins, sound = ([part.startswith(kind) for part in quiet] for kind in (CORRECTED, SOUND))
    return {
        "faults detected": (int((programs.detected == "yes").sum()), len(programs)),
        "faults rightly named": (int((programs.named == "yes").sum()), len(programs)),
        "corrected twins with a warning": (sum(part.startswith(CORRECTED) for part in loud), sum(twins)),
        "sound trainings with a warning": (sum(part.startswith(SOUND) for part in loud), sum(sound)),
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
    """Say the counts, each with its share and Wilson's 95 % interval."""
    said = [
        f"{name}: {count} of {of} ({count / of:.1%}, 95 % interval {low:.1%} to {high:.1%})"
        for name, (count, of) in counts(results).items()
        for low, high in [wilson(count, of)]
    ]
    return "; ".join(said)


def draw(results: pd.DataFrame, folder: Path) -> Figure:
    """Draw the shares with their intervals, and for each fault the step at which it was named."""
    figure = Figure(figsize=(10, 14), layout="constrained")
    shares, steps = figure.subplots(2, 1, height_ratios=(1, 8))
    _draw_shares(shares, counts(results))
    _draw_steps(steps, table(results).query("fault != 'none'"))
    return figure


def _draw_shares(axes: Axes, counted: dict[str, tuple[int, int]]) -> None:
    for place, (count, of) in enumerate(counted.values()):
        low, high = wilson(count, of)
        colour = "tab:green" if place < 2 else "tab:red"
        axes.barh(place, count / of, color=colour, alpha=0.6)
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
    axes.set_yticks(places, labels=programs.fault, fontsize=7)
    axes.set_xscale("symlog", linthresh=10)
    axes.set(xlabel="optimizer steps done when it was first named; 0 is before training")
    axes.set(xlim=(-1, 1.5 * max(100, steps.max())), ylim=(len(programs), -1))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower center", bbox_to_anchor=(0.3, 1.0), ncols=3, frameon=False)


PARTS = (
    *(f"{kind}/{name}" for name in PROGRAMS for kind in (FAULTY, CORRECTED)),
    *(f"{SOUND}/{name}" for name in HEALTHY),
)

STUDY = Study(parts=PARTS, run=run_part, table=table, draw=draw, sentence=sentence)
