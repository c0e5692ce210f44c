"""Search for the learning rate, or any other number of a recipe, with Keras Tuner; each trial is a run."""

import contextlib
import io
import math
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import keras
import keras_tuner
import pandas as pd
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial
from keras_tuner.errors import FatalError
from keras_tuner.src.engine.stateful import Stateful

from kerasnets.errors import DivergedError, UserError
from kerasnets.files.records import naming_damage
from kerasnets.files.tables import unexecuted
from kerasnets.files.whole_files import final_name, owned, read_json, whole_file, write_json, write_text
from kerasnets.recipe import Recipe, changed, load_recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.training.setup.inputs import list_inputs
from kerasnets.training.start import start_training

ORACLES = {
    "random": keras_tuner.oracles.RandomSearchOracle,
    "bayesian": keras_tuner.oracles.BayesianOptimizationOracle,
}
RECIPE = "recipe.toml"
"""The file of a search's folder that holds its recipe; it is written first and makes the folder a search."""


def tune_recipe(recipe: Recipe, trials: int, folder: Path, *, resume: bool) -> pd.DataFrame:
    """Run the search; see `kerasnets.tune`."""
    _check(recipe, folder, resume=resume)
    before = list(folder.iterdir()) if folder.is_dir() else None
    folder.mkdir(parents=True, exist_ok=True)
    with owned(folder), _keras_tuner_writes_whole_files():
        if not (folder / RECIPE).is_file():
            write_text(folder / RECIPE, recipe.to_toml())
        with _naming_damaged_search_files(folder):
            search = RecipeSearch(recipe, trials, folder)
        try:
            with warnings.catch_warnings():
                # NumPy's, of the objective of a trial that diverged
                warnings.filterwarnings("ignore", "All-NaN", RuntimeWarning)
                warnings.filterwarnings("ignore", "(Mean of empty slice|Degrees of freedom)", RuntimeWarning)
                search.search()
        except FatalError as error:  # Keras Tuner goes on after any other exception of a trial
            if isinstance(error.__cause__, UserError) and not search.oracle.end_order:
                _remove_all_but(before, folder)  # the first trial could not even start
            raise error.__cause__ from None
    return search.write_results()


def _check(recipe: Recipe, folder: Path, *, resume: bool) -> None:
    """Refuse what cannot be searched, or not in this folder, before anything is written."""
    if not recipe.tune.parameters:
        raise UserError(
            f"{recipe.origin}: tune.parameters: found none, allowed: ranges to search, for instance "
            '[tune.parameters."optimizer.learning_rate"] with min, max and sampling'
        )
    if (folder / RECIPE).is_file():
        if not resume:
            raise UserError(
                f"{folder}: already holds a search; give another --to, or --resume to go on with it"
            )
        with naming_damage(folder, folder / RECIPE, owner="search"):
            kept = load_recipe(folder / RECIPE)
        if kept != recipe:
            raise UserError(f"{folder}: holds a search of another recipe; give another --to")
    elif folder.is_file() or (folder.is_dir() and not all(map(_is_of_beginning, folder.iterdir()))):
        raise UserError(f"{folder}: found other files, allowed: an empty or a new folder")
    else:
        _check_objective(recipe)


def _check_objective(recipe: Recipe) -> None:
    """Raise UserError unless trials are as long as asked, and measure what the search compares them by."""
    if recipe.tune.epochs and recipe.train.phases:
        raise UserError(
            f"{recipe.origin}: tune.epochs: found {recipe.tune.epochs}, allowed: none with train.phases, "
            "which say how long a trial is"
        )
    listed = list_inputs(recipe)
    if not listed.validated:
        raise UserError(
            f"{recipe.origin}: data.validation: found 0, allowed: above 0, for the trials' objective"
        )
    measured = [name for name in listed.measured if name.startswith("val_")]
    if recipe.tune.objective not in measured:
        raise UserError(
            f"{recipe.origin}: tune.objective: found {recipe.tune.objective!r}, allowed: "
            f"{', '.join(measured)}"
        )


def _is_of_beginning(entry: Path) -> bool:
    """Return whether a file is one that a search leaves which was killed at its beginning."""
    return final_name(entry.name) in ("lock", RECIPE)


def _remove_all_but(before: list[Path] | None, folder: Path) -> None:
    """Remove what a folder holds besides `before`; where that is None, the folder too."""
    if before is None:
        shutil.rmtree(folder)
        return
    for made in set(folder.iterdir()) - set(before):
        shutil.rmtree(made) if made.is_dir() else made.unlink()


@contextlib.contextmanager
def _keras_tuner_writes_whole_files() -> Iterator[None]:
    """Have the files of Keras Tuner's oracle, tuner and trials appear whole while the block runs.

    It writes them in place: a search that is killed meanwhile could not go on.
    """
    in_place = Stateful.save
    Stateful.save = lambda self, path: write_json(Path(path), self.get_state())
    try:
        yield
    finally:
        Stateful.save = in_place


@contextlib.contextmanager
def _naming_damaged_search_files(folder: Path) -> Iterator[None]:
    """Name the file of Keras Tuner's that is damaged, where it cannot go on from its files in the block."""
    kept = folder / "search"
    for file in sorted(kept.rglob("*.json")):
        with naming_damage(folder, file, owner="search"):
            read_json(file)
            if file.name == "trial.json":
                Trial.load(str(file))
    named = naming_damage(folder, kept / "oracle.json", owner="search")
    with named if kept.is_dir() else contextlib.nullcontext():
        yield


class RecipeSearch(BaseTuner):
    """Keras Tuner's search over recipes instead of hypermodels.

    Args:
        recipe: a recipe with ranges in [tune].
        trials: how many to run, those of an interrupted search included.
        folder: where trial-N/, trials.csv and best.toml go.
    """

    def __init__(self, recipe: Recipe, trials: int, folder: Path) -> None:
        self.recipe, self.folder = recipe, folder
        space = keras_tuner.HyperParameters()
        for key, searched in recipe.tune.parameters.items():
            space.Float(key, searched.min, searched.max, sampling=searched.sampling)
        name = recipe.tune.objective
        oracle = ORACLES[recipe.tune.tuner](
            objective=keras_tuner.Objective(name, "max" if name == "val_accuracy" else "min"),
            max_trials=trials,
            hyperparameters=space,
            seed=recipe.train.seed + 1,  # Keras Tuner takes 0 for "draw one"
            max_consecutive_failed_trials=trials + 1,  # a rate that diverges is a result, not a failure
        )
        oracle.verbose = 0
        with contextlib.redirect_stdout(io.StringIO()):  # it announces that it reloads
            super().__init__(oracle, directory=str(self.folder), project_name="search")

    def run_trial(self, trial: Trial) -> dict[str, float]:
        """Train one trial's recipe in its own run directory and return its last objective."""
        values, objective = dict(trial.hyperparameters.values), self.recipe.tune.objective
        chosen = ", ".join(f"{key} = {value:.3g}" for key, value in values.items())
        print(f"\ntrial {int(trial.trial_id) + 1} of {self.oracle.max_trials}: {chosen}")
        changes = {**values, "name": f"{self.recipe.name}-trial-{int(trial.trial_id)}", "tune": {}}
        if self.recipe.tune.epochs:
            changes["train.epochs"] = self.recipe.tune.epochs
        run = self._run(trial)
        try:
            # its own run, gone on with where a stopped search left it
            recipe = changed(self.recipe, changes)
            start_training(recipe, run, resume=True, rescue=False, data_of=self._first_run())
            return {objective: float(run.history()[objective].iloc[-1])}
        except DivergedError as diverged:
            print(diverged)
            return {objective: math.nan}
        except Exception as error:
            raise FatalError("the trial's training failed") from error
        finally:
            keras.backend.clear_session()

    def _first_run(self) -> RunDirectory | None:
        """Return the run of a trial whose images all others have; None where they may differ."""
        if any(key.startswith("data.") for key in self.recipe.tune.parameters):
            return None
        return next((run for run in map(self._run, self.oracle.trials.values()) if run.exists), None)

    def _run(self, trial: Trial) -> RunDirectory:
        return RunDirectory(self.folder / f"trial-{int(trial.trial_id)}")

    def write_results(self) -> pd.DataFrame:
        """Write trials.csv and best.toml; return the table of trials, best first."""
        objective = self.oracle.objective
        rows = [
            {
                "trial": int(trial.trial_id),
                **trial.hyperparameters.values,
                objective.name: math.nan if trial.score is None else trial.score,
                "run": str(self._run(trial)),
            }
            for trial in self.oracle.trials.values()
        ]
        table = pd.DataFrame(rows).sort_values(
            [objective.name, "trial"], ascending=[objective.direction == "min", True]
        )
        with whole_file(self.folder / "trials.csv") as temporary:
            unexecuted(table).to_csv(temporary, index=False)
        best = table.iloc[0]
        if not math.isfinite(best[objective.name]):
            ranges = ", ".join(f"tune.parameters.{key}" for key in self.recipe.tune.parameters)
            raise UserError(f"{self.recipe.origin}: no trial has a finite {objective.name}: lower {ranges}")
        values = {key: float(best[key]) for key in self.recipe.tune.parameters}
        recipe = changed(self.recipe, {**values, "name": f"{self.recipe.name}-best"})
        reached = f"{objective.name} {best[objective.name]:.4f}"
        header = f"# Best of {len(table)} trials of {self.recipe.name}: {reached}\n\n"
        write_text(self.folder / "best.toml", header + recipe.to_toml())
        return table.reset_index(drop=True)
