"""What is done with data before any training: it is audited, packed, or drawn as a preview."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasnets.data.audit.audit_dataset import audit
from kerasnets.data.audit.page import write_audit
from kerasnets.data.audit.result import Audit
from kerasnets.data.dataset import Dataset, Split
from kerasnets.data.pipeline.batches import decoded_images, training_batches
from kerasnets.data.pipeline.order import BatchPlan, training_order
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.data.preview import preview_grid
from kerasnets.data.shards.manifest import Manifest
from kerasnets.data.shards.pack import pack
from kerasnets.data.sources.load import read_source
from kerasnets.data.sources.named import source_of_path
from kerasnets.recipe import Recipe, load_recipe
from kerasnets.runs.dataset import audit_settings, recipe_shares
from kerasnets.training.setup.inputs import TrainingInputs, list_inputs, prepare_inputs


@dataclass(frozen=True)
class Images:
    """Images to audit or to pack.

    Attributes:
        dataset: as the source gives them, with the splits that it has of its own.
        recipe: the recipe that names them; None for a folder or a table.
    """

    dataset: Dataset
    recipe: Recipe | None = None

    def audited(
        self, *, split: bool, progress: Callable[[int, int], None] | None = None
    ) -> tuple[Dataset, Audit]:
        """Audit them by their recipe's policies; `split` draws the splits that it trains with."""
        if self.recipe is None:
            return audit(self.dataset, progress=progress)
        return audit(
            self.dataset,
            workers=self.recipe.data.workers,
            progress=progress,
            shares=recipe_shares(self.recipe) if split else None,
            **audit_settings(self.recipe),
        )


def audit_data(
    what: Recipe | str | os.PathLike[str],
    folder: str | os.PathLike[str] | None,
    progress: Callable[[int, int], None] | None,
) -> Audit:
    """Audit what a recipe, a folder or a table names, and write the findings; see `kerasnets.audit`."""
    _, found = _read(what).audited(split=True, progress=progress)
    if folder is not None:
        write_audit(folder, found)
    return found


def pack_data(
    what: Recipe | str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    shard_bytes: int,
    progress: Callable[[int, int, int], None] | None,
) -> tuple[Manifest, Audit]:
    """Audit and pack what a recipe, a folder or a table names; see `kerasnets.pack`."""
    images = _read(what)
    dataset, found = images.audited(split=False)
    found.check()
    workers = images.recipe.data.workers if images.recipe else 2
    return pack(dataset, folder, shard_bytes=shard_bytes, workers=workers, progress=progress), found


def _read(what: Recipe | str | os.PathLike[str]) -> Images:
    if not isinstance(what, Recipe):
        if source := source_of_path(what):
            return Images(read_source(source, what))
        what = load_recipe(what)
    data = what.data
    return Images(read_source(data.source, data.path, data.channels, workers=data.workers), what)


def preview(recipe: Recipe, path: str | os.PathLike[str], *, rows: int, columns: int) -> Path:
    """Draw training images, as they are and as the network sees them; see `kerasnets.preview`."""
    return draw_preview(prepare_inputs(list_inputs(recipe)), Path(path), rows=rows, columns=columns)


def draw_preview(inputs: TrainingInputs, path: Path, *, rows: int, columns: int) -> Path:
    """Write the picture of `preview` from inputs that are prepared already.

    Args:
        inputs: of a run.
        path: the PNG.
        rows, columns: how many images to draw, and in how many epochs each.
    """
    recipe, train, dataset = inputs.recipe, inputs.dataset.train, inputs.dataset
    rows = min(rows, len(train))
    chosen = np.linspace(0, len(train) - 1, rows).astype(int)
    split = Split(train.images[chosen], train.labels[chosen])
    plain = Preprocessing(inputs.preprocessing.spatial_steps, inputs.preprocessing.image_shape)
    plan = BatchPlan(rows, recipe.train.seed, columns)
    batches = training_batches(
        split, plain, inputs.operations, plan=plan, classes=len(dataset.classes), reading=inputs.reading
    )
    seen = np.empty((rows, columns, *plain.output_shape), "uint8")
    order = training_order(rows, plan)
    for column, ((images, _), (_, _, indices)) in enumerate(zip(batches, order, strict=True)):
        seen[indices.numpy(), column] = np.clip(np.round(images), 0, 255)
    originals = list(decoded_images(split, plain.output_shape[-1], workers=recipe.data.workers))
    preview_grid(originals, seen, path, rows=[dataset.label_text(label) for label in split.labels])
    return path
