"""Training, alone or as a search, and first weights."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasnets import runtime
from kerasnets.api.arguments import PathLike, RecipeLike, as_recipe
from kerasnets.api.prepare import new_recipe
from kerasnets.api.run import Run
from kerasnets.proposing.images_path import begun_recipe, is_images
from kerasnets.rate_range.plan import check_range
from kerasnets.recipe import Recipe, changed, with_data
from kerasnets.training.distribution.rendezvous import telling_other_hosts
from kerasnets.training.reporters.destinations import Destinations
from kerasnets.training.start import start_training

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from kerasnets.proposing.proposal import Proposal
    from kerasnets.rate_range.curve.rate_range import RateRange


def train(
    recipe: "RecipeLike | Proposal",
    run: PathLike | None = None,
    *,
    resume: bool = False,
    data: PathLike | None = None,
    overrides: Mapping[str, Any] | None = None,
    callbacks: "Sequence[keras.callbacks.Callback]" = (),
    tensorboard: bool = False,
    mlflow: str | None = None,
    mlflow_experiment: str = "kerasnets",
) -> Run:
    """Train a recipe, or images.

    Args:
        recipe: a `Recipe`, a shipped recipe's name or the path of a TOML file; what `new_recipe` returns; or
            a folder or a .csv table of images, which `new_recipe` is called for. The run keeps the text of
            what was proposed as `proposed.toml`.
        run: the run directory; by default runs/NAME.
        resume: continue the unfinished run of this recipe in that directory. Where there is none, one is
            started; a finished one is left as it is.
        data: path of the images, in place of the recipe's `data.path`. A run is continued only on the images
            that it began with.
        overrides: recipe keys to change and their values, for instance `{"train.seed": 1}`; the same keys as
            `--set` takes.
        callbacks: Keras callbacks of your own, called after the run's own. One that sets
            `self.model.stop_training` ends the run early. The state of one with `get_state` and `set_state`
            is kept in checkpoints as JSON. Keras's own that monitor an accuracy need `mode="max"`; none can
            change the learning rate, which is the schedule's.
        tensorboard: write the run's records as events for TensorBoard too, into its folder `tensorboard`.
        mlflow: URI of an MLflow tracking server that gets parameters, metrics and files (extra `mlflow`).
        mlflow_experiment: name of the experiment there.

    Returns:
        The run, a `kerasnets.Run`: a path with records (`result`, `history`, `diagnostics`, …) and methods.

    Raises:
        UserError: the recipe, its data or the directory cannot be used.
        StoppedError: a signal stopped the training; it has saved its state and can be resumed.
        DivergedError: the loss stayed infinite or NaN.

    Example:
        >>> run = kerasnets.train("lenet5-digits", "runs/first", overrides={"train.epochs": 1})
        loading TensorFlow
        ...
        epoch 1/1 ...
        >>> run.result.epochs
        1
    """
    with telling_other_hosts():
        if isinstance(recipe, str | os.PathLike) and is_images(recipe):
            recipe = (begun_recipe(recipe, run) if resume else None) or new_recipe(recipe)
        proposed = ""
        if not isinstance(recipe, Recipe | str | os.PathLike):
            proposed, recipe = recipe.text, recipe.recipe
        recipe = with_data(as_recipe(recipe, overrides), data)
        path = start_training(
            recipe,
            run or Path("runs", recipe.name),
            proposed=proposed,
            resume=resume,
            callbacks=callbacks,
            destinations=Destinations(tensorboard=tensorboard, mlflow=mlflow, experiment=mlflow_experiment),
        )
    return Run(path)


def tune(
    recipe: RecipeLike,
    trials: int | None = None,
    to: PathLike | None = None,
    *,
    workers: int = 1,
    resume: bool = False,
    data: PathLike | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> "pd.DataFrame":
    """Search the best values of a recipe's keys: of its learning rate, unless its [tune] says others.

    Each trial is a run directory in a process of its own. With Keras Tuner's variables KERASTUNER_TUNER_ID,
    KERASTUNER_ORACLE_IP and KERASTUNER_ORACLE_PORT, several processes search together in one folder.

    Args:
        recipe: a `Recipe`, a shipped recipe's name or the path of a TOML file.
        trials: how many trials "random" and "bayesian" run before the best are trained in full, at most how
            many "grid" does; those of a resumed search included. By default the recipe's tune.trials, or 8.
        to: the folder for the trials' run directories, trials.csv, best.toml and best.json; by default
            runs/NAME-tune.
        workers: how many trials run at a time, on as many parts of this machine's cores and GPUs.
        resume: continue the search that was stopped in that folder.
        data: path of the images, in place of the recipe's `data.path`.
        overrides: recipe keys to change and their values, as of `train`.

    Returns:
        DataFrame of the trials, those trained longest first, among them the best first.

    Raises:
        UserError: what is to be searched cannot be, or the folder cannot be used.
        StoppedError: a signal stopped the search, which can be resumed.

    Example:
        >>> kerasnets.tune("lenet5-digits", to="runs/search")  # doctest: +SKIP
    """
    recipe = with_data(as_recipe(recipe, overrides), data)
    if trials is not None:
        recipe = changed(recipe, {"tune.trials": trials})
    from kerasnets.tuning.search import tune_recipe

    folder = Path(to or Path("runs", f"{recipe.name}-tune"))
    return tune_recipe(recipe, folder, resume=resume, workers=workers).ranked_table()


def find_rate(
    recipe: RecipeLike,
    *,
    seeds: int = 3,
    lowest: float | None = None,
    highest: float | None = None,
    steps: int | None = None,
    data: PathLike | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> "RateRange":
    """Find between which learning rates the best one of a recipe lies, by a range test.

    The rate rises step by step from far too small until the loss diverges, from the first weights of several
    seeds, with the recipe's own batches, augmentation, precision and optimizer; its schedule has no part in
    it. It takes at most a quarter of the steps of a training that is long enough, and leaves nothing behind.

    Args:
        recipe: a `Recipe`, a shipped recipe's name or the path of a TOML file.
        seeds: how many times the rate rises: with `train.seed` and those after it, 1 or more.
        lowest, highest: learning rates above 0, up to 100, to begin and to end at; by default those at which
            a first step moves the weights by 1e-5 and by 10 times their norm.
        steps: rates that each seed goes through, 2 or more; by default as many as the training's length
            allows, from 30 to 100.
        data: path of the images, in place of the recipe's `data.path`.
        overrides: recipe keys to change and their values, as of `train`.

    Returns:
        A `RateRange`: the curves, and what happens at which rate. It prints as the latter.

    Raises:
        UserError: the recipe or its data cannot be used, or have phases, whose rates differ.

    Example:
        >>> found = kerasnets.find_rate("lenet5-digits")  # doctest: +SKIP
        >>> found.low, found.high  # doctest: +SKIP
    """
    recipe = with_data(as_recipe(recipe, overrides), data)
    check_range(recipe, seeds=seeds, lowest=lowest, highest=highest, steps=steps)
    runtime.prepare()
    from kerasnets.rate_range.run import find_rate_range

    return find_rate_range(recipe, seeds=seeds, lowest=lowest, highest=highest, steps=steps)


def load_weights(
    model: "keras.Model", file: PathLike, *, new_head: bool = False
) -> tuple[dict[str, Any], ...]:
    """Give a network the weights that a file holds.

    Reads state dicts of torchvision and timm (.pth, .safetensors, and .npz of the same names), .npz of our
    own names, and .keras, .weights.h5 and .h5 files of this package or of keras.applications.

    Args:
        model: a network of `kerasnets.build`.
        file: path, or "imagenet" for what keras.applications publishes for the same architecture.
        new_head: keep the layer that gives the logits as it is, whatever the file has for it; and the dense
            layers before it, where the file has none.

    Returns:
        The value steps that images were prepared by for these weights, tables as in a recipe's
        [[preprocess]]; none for weights of our own, whose steps only their run knows.

    Raises:
        UserError: the file cannot be read, or does not fit; the model is unchanged then.

    Example:
        >>> network = kerasnets.build("resnet50", version=1.5)  # doctest: +SKIP
        >>> kerasnets.load_weights(network, "resnet50.pth")  # doctest: +SKIP
    """
    runtime.turn_onednn_on()
    from kerasnets.weights import loading

    return loading.load_weights(model, file, new_head=new_head)
