"""The way into training: what can be refused at once is refused before TensorFlow is loaded."""

from pathlib import Path

from kerasnets import models, runtime
from kerasnets.errors import UserError
from kerasnets.training.cluster import cluster
from kerasnets.training.run_directory import RunDirectory


def start_training(recipe, run, resume, *, rescue=True, data_of=None):
    """Train a recipe; see `kerasnets.train`.

    Args:
        recipe: a `Recipe`.
        run: path of the run directory.
        resume: go on with an unfinished run there, and leave a finished one as it is.
        rescue: go back once, at a lower rate, where training diverges.
        data_of: the `RunDirectory` of another run, whose images a new one must have too; None for any.

    Returns:
        The directory's `pathlib.Path`.
    """
    directory = RunDirectory(run)
    try:
        models.check_name(recipe.model.name)
    except UserError as error:
        raise UserError(f"{recipe.origin}: model.name: {error}") from None
    weights = recipe.model.weights
    if weights and weights != "imagenet" and not directory.exists and not Path(weights).is_file():
        raise UserError(f"{recipe.origin}: model.weights: {weights}: no such file")
    chief = cluster().chief
    if chief:
        directory.check_free()
    if chief or not resume:  # other hosts' recipes are compared with the chief's
        directory.check_usable(recipe, resume)
    if directory.finished:
        print(f"{directory}: finished already; give another --run to train anew")
        return directory.path
    runtime.prepare()
    from kerasnets.training.run import run_training

    run_training(recipe, directory, resume, rescue=rescue, data_of=data_of)
    return directory.path
