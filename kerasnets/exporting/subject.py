"""What is exported, as every format is given it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from kerasnets.exporting.cases import Cases
from kerasnets.inference.run_splits import DataOptions
from kerasnets.runs.trained_run import TrainedRun

REFERENCE = "CPU:0"
"""Where the right predictions are computed, in float32: GPUs round otherwise, and most of them to TF32."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is exported.

    Attributes:
        members: the runs, one or several whose predictions are averaged; opened on `REFERENCE`.
        cases: what each format is checked on.
        data: where the runs' images are, of which int8 needs some of the training split.
        top_k: how many labels are answered with the most probable ones, where there are that many classes.
        folded: whether normalizations lie in the convolutions before them.
    """

    members: Sequence[TrainedRun]
    cases: Cases
    data: DataOptions
    top_k: int
    folded: bool = True

    @property
    def first(self) -> TrainedRun:
        """The first of the runs."""
        return self.members[0]

    @property
    def name(self) -> str:
        """What the model is called: the run's recipe, or "ensemble"."""
        return self.first.recipe.name if len(self.members) == 1 else "ensemble"

    def digest(self) -> str:
        """Return a digest of what decides the answers: weights, preprocessing, calibration and `top_k`."""
        digest = hashlib.sha256(json.dumps([self.top_k, self.folded]).encode())
        for trained in self.members:
            files = (trained.directory.model_file, trained.directory.preprocessing_file)
            digest.update(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files))
            digest.update(repr((trained.calibration, trained.image_rules)).encode())
        return digest.hexdigest()
