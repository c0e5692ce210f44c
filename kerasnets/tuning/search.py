"""Search for the learning rate, or any other number of a recipe, with Keras Tuner; each trial is a run."""

import contextlib
import io
import math
import shutil
import warnings
from pathlib import Path

import keras
import keras_tuner
import pandas as pd
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial
from keras_tuner.errors import FatalError

from kerasnets.catalog.sources import find_source
from kerasnets.errors import DivergedError, UserError
from kerasnets.files.records import naming_damage
from kerasnets.files.tables import unexecuted
from kerasnets.files.whole_files import final_name, owned, read_json, whole_file, write_text
from kerasnets.recipe import changed, load_recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.training.start import start_training

ORACLES = {
    "random": keras_tuner.oracles.RandomSearchOracle,
    "bayesian": keras_tuner.oracles.BayesianOptimizationOracle,
}


def tune_recipe(recipe, trials, folder, resume):
    """Run the search; see `kerasnets.tune`."""
    _check(recipe, folder, resume)
    before = list(folder.iterdir()) if folder.is_dir() else None
    folder.mkdir(parents=True, exist_ok=True)
    with owned(folder):
        if not (folder / "recipe.toml").is_file():
            write_text(folder / "recipe.toml", recipe.to_toml())
        with _checked_search(folder):
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


def _check(recipe, folder, resume):
    if not recipe.tune.parameters:
        raise UserError(
            f"{recipe.origin}: tune.parameters: found none, allowed: ranges to search, for instance "
            '[tune.parameters."optimizer.learning_rate"] with min, max and sampling'
        )
    brings = find_source(recipe.data.source).splits
    if not recipe.data.validation and brings is not None and "validation" not in brings:
        raise UserError(
            f"{recipe.origin}: data.validation: found 0, allowed: above 0, for the trials' objective"
        )
    if (folder / "recipe.toml").is_file():
        if not resume:
            raise UserError(
                f"{folder}: already holds a search; give another --to, or --resume to go on with it"
            )
        with naming_damage(folder, folder / "recipe.toml", owner="search"):
            kept = load_recipe(folder / "recipe.toml")
        if kept != recipe:
            raise UserError(f"{folder}: holds a search of another recipe; give another --to")
    elif folder.is_file() or (folder.is_dir() and any(_of_others(entry) for entry in folder.iterdir())):
        raise UserError(f"{folder}: found other files, allowed: an empty or a new folder")


def _remove_all_but(before, folder):
    """Remove what a folder holds besides `before`; where that is None, the folder too."""
    if before is None:
        shutil.rmtree(folder)
        return
    for made in set(folder.iterdir()) - set(before):
        shutil.rmtree(made) if made.is_dir() else made.unlink()


def _of_others(entry):
    """Return whether something is not what a search has left that was killed at its beginning."""
    return final_name(entry.name) not in ("lock", "recipe.toml")


@contextlib.contextmanager
def _checked_search(folder):
    """Say which of Keras Tuner's files is damaged where it cannot go on from them in the block."""
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
        recipe: a `Recipe` with ranges in [tune].
        trials: how many to run, those of an interrupted search included.
        folder: where trial-N/, trials.csv and best.toml go.
    """

    def __init__(self, recipe, trials, folder):
        self.recipe, self.folder = recipe, Path(folder)
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

    def run_trial(self, trial):
        """Train one trial's recipe in its own run directory and return its last objective."""
        values = dict(trial.hyperparameters.values)
        said = ", ".join(f"{key} = {value:.3g}" for key, value in values.items())
        print(f"\ntrial {int(trial.trial_id) + 1} of {self.oracle.max_trials}: {said}")
        changes = {**values, "name": f"{self.recipe.name}-trial-{int(trial.trial_id)}", "tune": {}}
        if self.recipe.tune.epochs:
            changes["train.epochs"] = self.recipe.tune.epochs
        try:
            # its own run, gone on with where a stopped search left it
            recipe = changed(self.recipe, changes)
            run = start_training(
                recipe, self._run(trial), resume=True, rescue=False, data_of=self._first_run()
            )
            history = RunDirectory(run).history()
            if self.recipe.tune.objective not in history:
                measured = [name for name in history if name.startswith("val_")]
                allowed = ", ".join(measured) or "any with a validation split: set data.validation"
                raise UserError(
                    f"{self.recipe.origin}: tune.objective: found {self.recipe.tune.objective!r}, "
                    f"allowed: {allowed}"
                )
        except DivergedError as diverged:
            print(diverged)
            return {self.recipe.tune.objective: math.nan}
        except Exception as error:
            raise FatalError("the trial's training failed") from error
        finally:
            keras.backend.clear_session()
        return {self.recipe.tune.objective: float(history[self.recipe.tune.objective].iloc[-1])}

    def _first_run(self):
        """Return the `RunDirectory` of a trial whose images all others have; None where they may differ."""
        runs = (RunDirectory(self._run(trial)) for trial in self.oracle.trials.values())
        alike = not any(key.startswith("data.") for key in self.recipe.tune.parameters)
        return next((run for run in runs if run.exists), None) if alike else None

    def _run(self, trial):
        return self.folder / f"trial-{int(trial.trial_id)}"

    def write_results(self):
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
        said = f"{objective.name} {best[objective.name]:.4f}"
        header = f"# Best of {len(table)} trials of {self.recipe.name}: {said}\n\n"
        write_text(self.folder / "best.toml", header + recipe.to_toml())
        return table.reset_index(drop=True)
