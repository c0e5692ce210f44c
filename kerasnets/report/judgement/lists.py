"""Images worth a look: the worst mistakes, the least certain, suspected labels, copies in other splits."""

import numpy as np

from kerasnets.errors import printable
from kerasnets.judgement.judge import ClassJudgement, Judgement, ValueJudgement, names_of
from kerasnets.report.drawing import short
from kerasnets.report.judgement.album import LONGEST_NAME, Album
from kerasnets.report.judgement.confusions import outcome_shot
from kerasnets.report.section import Section, Shot

MOST = 50
"""Images that are shown of each kind."""

MOST_SUSPECTS = 100


def mistakes_section(judgement: ClassJudgement, album: Album) -> Section:
    """Return the images that the network was the most wrong about."""
    wrong = np.flatnonzero(~judgement.outcomes.right)
    worst = wrong[np.argsort(-judgement.outcomes.losses[wrong], kind="stable")][:MOST]
    return Section(
        anchor="mistakes",
        title="Worst mistakes",
        caption=f"{len(wrong):,} of {len(judgement.split):,} images are taken for another class"
        + (f"; the {MOST} to whose own class the network gives the least." if len(wrong) > MOST else "."),
        gallery=tuple(outcome_shot(judgement, album, index) for index in worst.tolist()),
    )


def uncertain_section(judgement: ClassJudgement, album: Album) -> Section:
    """Return the images whose most probable class is the least probable."""
    least = np.argsort(judgement.outcomes.best[:, 0], kind="stable")[:MOST]
    return Section(
        anchor="uncertain",
        title="Least certain",
        caption="The network gives no class much, right or wrong.",
        gallery=tuple(outcome_shot(judgement, album, index) for index in least.tolist()),
    )


def suspects_section(judgement: ClassJudgement, album: Album, *, trained_on: bool) -> Section:
    """Return the images whose label is probably wrong.

    Args:
        judgement: what was found.
        album: makes their pictures.
        trained_on: whether the network was trained on these labels.
    """
    suspects = judgement.suspects
    shown = zip(suspects.indices.tolist(), suspects.suggested.tolist(), suspects.wrong.tolist(), strict=True)
    count = f"{len(suspects):,} {'label is' if len(suspects) == 1 else 'labels are'} suspected"
    first = (
        f", the first {MOST_SUSPECTS} here and all in suspects.csv" if len(suspects) > MOST_SUSPECTS else ""
    )
    notes = [
        "How: a label is taken to be drawn by the network's calibrated probabilities, or with a small "
        "probability to be another class by chance. That probability and the calibration are fitted to the "
        f"labels, and Bayes' rule says which are wrong: {suspects.noise:.2%} of all. Listed are as many as "
        "keep right labels among them below 4 %, if this model holds."
    ]
    if trained_on:
        notes.append(
            "The network was trained on these labels and may know wrong ones by heart: fewer are found. "
            "Surer is a run that held these images out (another train.seed)."
        )
    return Section(
        anchor="suspects",
        title="Suspected wrong labels",
        caption=f"{count}{first}." if len(suspects) else "No label is suspected.",
        notes=tuple(notes),
        gallery=tuple(
            _suspect(judgement, album, index, suggested=suggested, wrong=wrong)
            for index, suggested, wrong in list(shown)[:MOST_SUSPECTS]
        ),
    )


def _suspect(judgement: ClassJudgement, album: Album, index: int, *, suggested: int, wrong: float) -> Shot:
    truth = judgement.classes[judgement.outcomes.labels[index]]
    lines = (
        f"labelled {printable(truth)}",
        f"rather {printable(judgement.classes[suggested])}",
        f"wrong: {wrong:.1%}",
    )
    return album.shot(index, *lines)


def copies_section(judgement: Judgement, album: Album) -> Section:
    """Return the images that another split has too; of arrays only exact copies are known."""
    copies = judgement.copies
    exact = sum(copy.same_bytes for copy in copies)
    known = judgement.split.identities
    only = "" if known is not None and known.hashes is not None else " Of arrays only exact copies are known."
    caption = f"No image of this split is in another one too.{only}"
    if copies:
        caption = (
            f"{len(copies):,} of {len(judgement.split):,} images are in another split too: {exact:,} byte "
            f"for byte, {len(copies) - exact:,} look alike. What is measured on them was seen before.{only}"
        )
    shots = []
    for copy in copies[:MOST]:
        other = names_of(judgement.others[copy.split])[copy.other]
        what = "same bytes as" if copy.same_bytes else "looks like"
        shots.append(album.shot(copy.index, f"{what} {printable(short(other, LONGEST_NAME))} ({copy.split})"))
    return Section(anchor="copies", title="Copies in other splits", caption=caption, gallery=tuple(shots))


def largest_errors_section(judgement: ValueJudgement, album: Album) -> Section:
    """Return the images whose predicted numbers are the farthest off, each target by its spread."""
    truth = judgement.split.labels.astype("float64")
    spread = truth.std(0)
    errors = np.square((judgement.predictions - truth) / np.where(spread > 0, spread, 1)).sum(1)
    shots = []
    for index in np.argsort(-errors, kind="stable")[:MOST].tolist():
        pairs = zip(judgement.classes, truth[index], judgement.predictions[index], strict=True)
        lines = [f"{printable(target)}: {right:.4g}, predicted {found:.4g}" for target, right, found in pairs]
        shots.append(album.shot(index, *lines[:6]))
    caption = "Those farthest off, in units of each target's standard deviation."
    return Section(anchor="mistakes", title="Largest errors", caption=caption, gallery=tuple(shots))
