"""What a finished run's predictions are worth: what `evaluate` has kept of them, or measured anew."""

import os
from collections.abc import Sequence

from kerasnets.inference.evaluate import evaluate_opened
from kerasnets.inference.run_splits import DataOptions, load_shared_splits
from kerasnets.judgement.judge import Judgement
from kerasnets.judgement.kept import kept_judgement
from kerasnets.runs.chosen_views import chosen_views
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.ensemble import open_runs


def judged_run(
    run: str | os.PathLike[str],
    split: str,
    *,
    data: DataOptions,
    views: str | None = None,
    short_sides: Sequence[int] | None = None,
) -> Judgement:
    """Return a run's judgement: the one that is kept with it, where that is of this network and these views.

    Its images are those that the run was made of, or the run is refused.

    Args:
        run: a run directory.
        split: "train", "validation" or "test".
        data: where its images are.
        views: what the network sees of each image; None for the recipe's.
        short_sides: pixels; none for the recipe's, with `views` for the paper's.

    Raises:
        UserError: as of `kerasnets.evaluate`.
    """
    members = open_runs(run, "compare")
    shared = load_shared_splits(members, split, data)
    (trained,) = members
    directory, calibrated = RunDirectory(run), trained.calibration is not None
    shown, sides = chosen_views(trained, views, short_sides)
    about = {
        "split": split,
        "networks": [directory.network_digest(calibrated=calibrated)],
        "views": shown,
        "short_sides": list(sides),
        "changed_data": None,
        "calibrated": calibrated,
    }
    if split in shared.splits and not any(shared.changes):
        kept = kept_judgement(directory.evaluation(split), shared.splits[split], trained.classes, about=about)
        if kept is not None:
            return kept
    judgement = evaluate_opened(members, split, shared, views=views, short_sides=short_sides).judgement
    assert judgement is not None
    return judgement
