"""The way into training: what can be refused at once is refused before TensorFlow is loaded."""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from kerasnets import models, runtime, terminal
from kerasnets.catalog.sources import find_source
from kerasnets.data.preprocessing.shapes import prepared_images
from kerasnets.errors import UserError
from kerasnets.recipe.loading import changed
from kerasnets.runs.directory import RunDirectory
from kerasnets.training.distribution.tf_config import cluster
from kerasnets.training.reporters.destinations import NOWHERE, Destinations
from kerasnets.training.run_log import RunLog

if TYPE_CHECKING:
    import keras

    from kerasnets.recipe import Recipe


def start_training(
    recipe: "Recipe",
    run: str | os.PathLike[str],
    *,
    resume: bool = False,
    proposed: str = "",
    callbacks: "Sequence[keras.callbacks.Callback]" = (),
    rescue: bool = True,
    data_of: RunDirectory | None = None,
    destinations: Destinations = NOWHERE,
) -> Path:
    """Train a recipe; see `kerasnets.train`.

    Args:
        recipe: a `Recipe`.
        run: path of the run directory.
        resume: go on with an unfinished run there, and leave a finished one as it is.
        proposed: text of the recipe as `kerasnets new` wrote it, for the run to keep.
        callbacks: the user's Keras callbacks, called after the run's own. They cannot change the learning
            rate, which is the schedule's. One of Keras that monitors an accuracy needs its `mode`. One that
            sets `self.model.stop_training` ends the run early.
        rescue: go back once, at a lower rate, where training diverges.
        data_of: the `RunDirectory` of another run, whose images a new one must have too; None for any.
        destinations: where the run is reported to besides its directory.

    Returns:
        The directory's `pathlib.Path`.
    """
    directory = RunDirectory(run)
    destinations.check()
    try:
        models.check_name(recipe.model.name)
    except UserError as error:
        raise UserError(f"{recipe.origin}: model.name: {error}") from None
    if not directory.exists:
        _check_start(recipe)
    chief = cluster().chief
    if chief:
        directory.check_free()
    if directory.exists and recipe.train.batch_size == "auto":  # it has been chosen
        recipe = changed(recipe, {"train.batch_size": directory.recipe().train.batch})
    if chief or not resume:  # other hosts' recipes are compared with the chief's
        directory.check_usable(recipe, resume=resume)
    if directory.finished:
        print(f"{directory}: finished already; give another --run to train anew")
        return directory.path
    run_log = RunLog()
    with run_log.recording() if chief else nullcontext():
        terminal.phase("loading TensorFlow")
        runtime.prepare()
        from kerasnets.training.run import run_training

        with destinations.reporting(directory) if chief else nullcontext() as reporting:
            run_training(
                recipe,
                directory,
                run_log,
                resume=resume,
                proposed=proposed,
                callbacks=[*callbacks, *([reporting] if reporting else [])],
                rescue=rescue,
                data_of=data_of,
            )
    return directory.path


def _check_start(recipe: "Recipe") -> None:
    """Refuse what a run cannot start from."""
    weights, earlier = recipe.model.weights, recipe.initialization.from_run
    if weights and weights != "imagenet" and not Path(weights).is_file():
        raise UserError(f"{recipe.origin}: model.weights: {weights}: no such file")
    if earlier:
        try:
            RunDirectory(earlier).check_finished("initialization.from_run")
        except UserError as error:
            raise UserError(f"{recipe.origin}: initialization.from_run: {error}") from None
    if find_source(recipe.data.source).image_shape is None:
        return
    steps = [step.model_dump() for step in recipe.preprocess]
    try:
        prepared_images(recipe.data.source, recipe.data.channels, steps)
    except UserError as error:
        raise UserError(f"{recipe.origin}: {error}") from None
