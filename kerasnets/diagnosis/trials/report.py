"""All checks of a training before it begins, and what they found, as a table."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from kerasnets.diagnosis.checks.loss_kind import LossKind
from kerasnets.diagnosis.checks.static import STATIC
from kerasnets.diagnosis.checks.subject import UnseenError, make_subject
from kerasnets.diagnosis.finding import Finding
from kerasnets.diagnosis.trials.checks import TRIALS, Trial, loss_at_start


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one check came to.

    Attributes:
        check: its name, a fault's.
        findings: what it found, maybe nothing.
        remark: what it measured, or why it could not see.
        seen: whether it could.
    """

    check: str
    findings: tuple[Finding, ...] = ()
    remark: str = ""
    seen: bool = True

    @property
    def state(self) -> str:
        """ "ok", "note", "FOUND" or "not seen"."""
        if not self.seen:
            return "not seen"
        if not self.findings:
            return "ok"
        return "note" if all(finding.note for finding in self.findings) else "FOUND"

    @property
    def text(self) -> str:
        """What there is to say about it."""
        return " | ".join(map(str, self.findings)) or self.remark


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """What all checks came to. It prints as a table.

    Attributes:
        outcomes: of all checks, in the order of their looking.
    """

    outcomes: tuple[Outcome, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything found, notes too."""
        return tuple(finding for outcome in self.outcomes for finding in outcome.findings)

    @property
    def sound(self) -> bool:
        """Whether nothing was found but notes."""
        return all(finding.note for finding in self.findings)

    @property
    def conclusion(self) -> str:
        """One sentence: "sound: 16 checks found nothing"."""
        seen = sum(outcome.seen for outcome in self.outcomes)
        warned = [outcome.check for outcome in self.outcomes if outcome.state == "FOUND"]
        unseen = len(self.outcomes) - seen
        rest = f"; {unseen} could not see" if unseen else ""
        if not warned:
            return f"sound: {seen} checks found nothing to mend{rest}"
        return f"{len(warned)} of {seen} checks found a fault: {', '.join(warned)}{rest}"

    def __str__(self) -> str:
        return f"{self.table()}\n{self.conclusion}"

    def table(self) -> str:
        """Return a line for each check: its name, "ok", "FOUND", "note" or "not seen", and what is to say."""
        width = max(len(outcome.check) for outcome in self.outcomes)
        lines = [f"{each.check:{width}}  {each.state:8}  {each.text}".rstrip() for each in self.outcomes]
        return "\n".join(lines)


def check_training(
    model: keras.Model,
    x: Any,
    y: Any,
    *,
    loss: Any,
    kind: LossKind,
    loss_weights: tuple[float, ...] | None = None,
    pretrained: bool = False,
    seconds: float = 15.0,
) -> CheckReport:
    """Check a training before it begins; the model is afterwards as it was, bit for bit.

    Args:
        model: a built Keras model.
        x: some inputs, NumPy arrays of N examples; 64 or more of all classes tell most.
        y: their labels, of several outputs for each one.
        loss: what is minimized, as `compile` takes it.
        kind: what such a loss takes.
        loss_weights: of several outputs.
        pretrained: whether weights come from another training.
        seconds: that steps on one batch may take.
    """
    subject = make_subject(model, x, y, loss=kind, pretrained=pretrained)
    if loss_weights is not None:  # several outputs of the same labels
        first = keras.tree.flatten(y)[0]
        subject = make_subject(model, x, first, loss=kind, pretrained=pretrained)
    outcomes = [_outcome(name, check, subject) for name, check in STATIC.items()]
    trial = Trial(subject, x, y, loss, loss_weights, seconds)
    for name, check in TRIALS.items():
        outcomes.append(_outcome(name, check, trial))
    return CheckReport(outcomes=tuple(_without_consequences(outcomes)))


def _outcome(name: str, check: Callable[[Any], Iterator[Finding]], looked_at: Any) -> Outcome:
    try:
        findings = tuple(check(looked_at))
        remark = MEASURED[name](looked_at) if name in MEASURED else ""
    except UnseenError as error:
        return Outcome(check=name, remark=str(error), seen=False)
    return Outcome(check=name, findings=findings, remark=remark)


def _without_consequences(outcomes: list[Outcome]) -> Iterator[Outcome]:
    """Leave out that weights get no gradient where kernels of zeros were found, which are why."""
    constant = any(outcome.check == "constant_weights" and outcome.findings for outcome in outcomes)
    for outcome in outcomes:
        if constant and outcome.check == "no_gradient":
            yield Outcome(check=outcome.check, remark="follows from constant_weights")
        else:
            yield outcome


def _fitted(trial: Trial) -> str:
    fit = trial.fit
    return f"loss of one batch from {fit.losses[0]:.3g} to {min(fit.losses):.3g} in {len(fit.losses)} steps"


def _start(trial: Trial) -> str:
    loss, classes = loss_at_start(trial)
    return f"{loss:.3g} at the start; of chance it is ln({classes}) = {math.log(classes):.3g}"


MEASURED: Mapping[str, Callable[[Any], str]] = {
    "initial_loss": _start,
    "no_gradient": lambda trial: f"{len(trial.fit.gradients)} weights have gradients",
    "cannot_overfit_batch": _fitted,
}
"""Remarks on checks that found nothing, worth knowing all the same."""
