"""What was found of a run, in words, each with a link to the picture that shows it."""

from collections.abc import Sequence
from dataclasses import dataclass

from kerasnets.catalog.quantities import NETWORK
from kerasnets.diagnosis.finding import Finding
from kerasnets.diagnosis.verdict import by_severity, verdict
from kerasnets.errors import few
from kerasnets.report.run_records import RunRecords
from kerasnets.report.section import Section, anchor_of

SHOWN_BY = {
    **dict.fromkeys(("rate_too_high", "rate_too_low"), ("update-ratio", "whole-update-ratio", "loss-log")),
    **dict.fromkeys(
        ("vanishing_activations", "exploding_activations", "bad_initialization", "batchnorm_mode"),
        ("activation-variance", "ridges-activation"),
    ),
    **dict.fromkeys(
        ("vanishing_gradients", "exploding_gradients", "no_gradient"),
        ("gradient-norm", "whole-gradient-norm", "ridges-gradient"),
    ),
    "dead_units": ("activation-dead", "activation-zeros", "activation-variance"),
    "saturated_units": ("activation-saturated", "ridges-activation"),
    **dict.fromkeys(("overfitting", "underfitting", "validation_leak", "validation_differs"), ("gap",)),
    **dict.fromkeys(("stuck_at_majority", "label_noise"), ("confusion", "measure")),
    **dict.fromkeys(("noisy_filters", "dead_filters"), ("filters", "filters-final")),
    "constant_weights": ("activation-variance", "ridges-weight", "update-ratio"),
    "frozen_layers": ("update-ratio", "ridges-weight"),
    "input_bound": ("seconds",),
    **dict.fromkeys(("constant_input", "unnormalized_input", "labels_out_of_range", "unshuffled"), ("data",)),
    **dict.fromkeys(
        (
            *("softmax_twice", "last_activation_mismatch", "loss_mismatch", "no_nonlinearity"),
            *("bias_before_batchnorm", "dropout_before_batchnorm", "batchnorm_small_batch", "batch_mixing"),
        ),
        ("recipe",),
    ),
}
"""Names of the pictures and sections that show a fault, the best first; of other faults the loss does."""


NO_DIAGNOSIS = "no diagnosis was made while this run was trained"


@dataclass(frozen=True)
class ShownFinding:
    """A finding in words.

    Attributes:
        when: when it began, and ended.
        what: the rule's name and the layers.
        text: evidence, cause and advice.
        anchor: id of the picture or section that shows it; empty if there is none.
        shown: its title.
    """

    when: str
    what: str
    text: str
    anchor: str
    shown: str


@dataclass(frozen=True)
class RunVerdict:
    """The verdict on a run.

    Attributes:
        label: the run's.
        verdict: one sentence.
        healthy: whether no fault lasts; None where nothing was looked for.
        findings: the gravest first.
    """

    label: str
    verdict: str
    healthy: bool | None
    findings: tuple[ShownFinding, ...]


def run_verdict(run: RunRecords, sections: Sequence[Section]) -> RunVerdict:
    """Return the verdict on a run, its findings linked to the sections there are."""
    places = {picture.name: picture.title for section in sections for picture in section.pictures}
    places |= {section.anchor: section.title for section in sections}
    told = run.result.verdict if run.result else None
    if run.findings is None:
        return RunVerdict(label=run.label, verdict=told or NO_DIAGNOSIS, healthy=None, findings=())
    healthy = all(found.note or found.ended is not None for found in run.findings)
    return RunVerdict(
        label=run.label,
        verdict=told or verdict(run.findings, finished=run.result is not None),
        healthy=healthy,
        findings=tuple(_shown(found, run.label, places) for found in by_severity(run.findings)),
    )


def _shown(found: Finding, label: str, places: dict[str, str]) -> ShownFinding:
    wanted = (*SHOWN_BY.get(found.rule, ()), "loss-linear", "loss")
    names = (name for want in wanted for name in (f"{want}-{anchor_of(label)}", want))
    anchor = next((name for name in names if name in places), "")
    layers = [] if found.layer == NETWORK else [found.layer, *found.also]
    when = "before training" if not found.step else f"step {found.step:,}"
    if found.ended is not None:
        when += f", ended at step {found.ended:,}"
    return ShownFinding(
        when=f"{when}: ",
        what=found.rule + (f" in {few(layers)}" if layers else ""),
        text=f": {found.evidence}: {found.cause}; {found.advice}.",
        anchor=anchor,
        shown=places.get(anchor, ""),
    )
