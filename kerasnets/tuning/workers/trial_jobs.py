"""What a process of its own does for a search: look at its data, test the range of rates, train a trial."""

import shutil
import time
from collections.abc import Callable
from typing import Any

import keras

from kerasnets.errors import DivergedError, FailureError, StoppedError, UserError, one_line
from kerasnets.files.whole_files import temporary_path
from kerasnets.recipe import Recipe
from kerasnets.recipe.loading import recipe_of_text
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.searches.directory import SearchDirectory
from kerasnets.runs.searches.trial_record import TrialRecord
from kerasnets.tuning.planning.plan import Plan, kept_plan
from kerasnets.tuning.workers.watching_trial import HOPELESS, Pause, PausedError, StopHopeless, TellProgress

Tell = Callable[[dict[str, Any]], None]
"""Tells the command that runs the search something; {"outcome": …} last."""

FREE_SECONDS = 30.0
"""How long a trial waits until a process that had it before has ended."""


def look(text: str, origin: str, time_steps: bool, *, tell: Tell) -> None:
    """Tell what trials will be compared by, and how long a training takes; or why there can be none.

    Args:
        text: of the recipe.
        origin: where it is from, for messages.
        time_steps: whether to time some steps.
        tell: gets {"objective", "seconds", "overhead"}, the latter None where they were not timed, or
            {"refused"}.
    """
    from kerasnets.training.setup.inputs import list_inputs

    try:
        recipe = recipe_of_text(text, "recipe", origin)
        recipe._origin = origin
        listed = list_inputs(recipe)
        objective = _objective(recipe, validated=listed.validated, measured=listed.measured)
        seconds, overhead = _training_seconds(recipe) if time_steps else (None, None)
        tell({"outcome": {"objective": objective, "seconds": seconds, "overhead": overhead}})
    except UserError as error:
        tell({"outcome": {"refused": one_line(error)}})


def _objective(recipe: Recipe, *, validated: bool, measured: list[str]) -> str:
    """Return what trials are compared by, which every epoch measures."""
    if not validated:
        raise UserError(
            f"{recipe.origin}: data.validation: found 0, allowed: above 0, for the trials' objective"
        )
    names = [name for name in measured if name.startswith("val_")]
    asked: str = recipe.tune.objective or next(name for name in names if name != "val_loss")
    if asked not in names:
        raise UserError(f"{recipe.origin}: tune.objective: found {asked!r}, allowed: {', '.join(names)}")
    return asked


def _training_seconds(recipe: Recipe) -> tuple[float, float]:
    """Return what the steps of a training take, by a few of them, and what comes before the first."""
    from kerasnets.checking.cost import TIMED_STEPS, step_seconds
    from kerasnets.training.distribution.strategy import make_strategy
    from kerasnets.training.setup.preparation import prepare_run

    train, began = recipe.train, time.monotonic()
    strategy = make_strategy(train.strategy, train.devices, host_wait_seconds=train.host_wait_seconds)
    prepared = prepare_run(recipe, strategy, images_of=None, first_weights=False)
    with strategy.scope():
        each = step_seconds(prepared.inputs, prepared.trainer)
    overhead = max(0.0, time.monotonic() - began - TIMED_STEPS * each)
    return each * prepared.inputs.steps_per_epoch * train.epochs, overhead


def run_trial(folder: str, trial: str, *, tell: Tell) -> None:
    """Train a trial, or go on with it, and tell what came of it: some fields of its record.

    Args:
        folder: of the search.
        trial: its id.
        tell: gets its progress, and at the end its outcome, or {"refused"} where the search cannot go on.
    """
    search = SearchDirectory(folder)
    record = search.trial(trial)
    plan = kept_plan(search)
    try:
        ranging = record.stage == "range"
        outcome = _test_range(search, plan) if ranging else _train(search, plan, record, tell=tell)
    except StoppedError as stopped:
        outcome = {"interrupted": stopped.code}
    except (UserError, OSError) as error:
        outcome = {"refused": one_line(error), "code": 2 if isinstance(error, UserError) else 1}
    tell({"outcome": outcome})


def _test_range(search: SearchDirectory, plan: Plan) -> dict[str, Any]:
    from kerasnets.rate_range.run import find_rate_range

    find_rate_range(plan.recipe).write(search.range_file)
    return {"status": "done", "epochs": 0}


def _train(search: SearchDirectory, plan: Plan, record: TrialRecord, *, tell: Tell) -> dict[str, Any]:
    run = search.run(record.id)
    try:
        recipe = plan.trial_recipe(record)
    except UserError as error:
        return {"status": "failed", "reason": one_line(error), "epochs": 0}
    _wait_until_free(run)
    if record.promoted_from and not run.exists:
        _go_on_from(search.run(record.promoted_from), run)
    paused = record.budget < recipe.train.epochs
    callbacks: list[keras.callbacks.Callback] = [TellProgress(record.budget, tell)]
    callbacks += [StopHopeless(run)] if plan.recipe.tune.stop_early else []
    callbacks += [Pause(record.budget)] if paused else []
    try:
        _start(recipe, run, callbacks, data_of=_first_run(search, plan, record.id))
    except PausedError:
        pass
    except DivergedError as diverged:
        return {"status": "diverged", "reason": one_line(diverged), "epochs": _epochs(run)}
    except UserError as error:
        if any(key in str(error) for key in record.values):  # its own values do not fit the data
            return {"status": "failed", "reason": one_line(error), "epochs": 0}
        raise
    except FailureError as error:
        return {"status": "failed", "reason": one_line(error), "epochs": _epochs(run)}
    return _ended(search, plan, record, recipe=recipe)


def _start(
    recipe: Recipe,
    run: RunDirectory,
    callbacks: list[keras.callbacks.Callback],
    *,
    data_of: RunDirectory | None,
) -> None:
    from kerasnets.training.start import start_training

    epochs = recipe.train.epochs
    if not (run.exists and not run.finished and callbacks and _paused_at(run, callbacks, epochs)):
        start_training(recipe, run, resume=True, rescue=False, data_of=data_of, callbacks=callbacks)


def _paused_at(run: RunDirectory, callbacks: list[keras.callbacks.Callback], epochs: int) -> bool:
    """Return whether a run has reached already where it is to pause."""
    pauses = [callback.epochs for callback in callbacks if isinstance(callback, Pause)]
    return bool(pauses) and run.epochs_done() >= min(pauses[0], epochs)


def _ended(search: SearchDirectory, plan: Plan, record: TrialRecord, *, recipe: Recipe) -> dict[str, Any]:
    """Return what came of a trial that trained to its end, or was stopped by a rule."""
    run = search.run(record.id)
    history = run.history()
    scores = history.get(plan.objective)
    if scores is None or not len(scores):
        return {"status": "failed", "reason": f"no epoch has measured {plan.objective}", "epochs": 0}
    best = scores.max() if plan.direction == "max" else scores.min()
    score = float(best if recipe.train.keep == "best" else scores.iloc[-1])
    outcome = {"status": "done", "score": score, "epochs": len(history)}
    lasting = [found for found in run.findings() if found.rule in HOPELESS and found.ended is None]
    if lasting and len(history) < min(record.budget, recipe.train.epochs):
        outcome |= {"status": "stopped", "reason": one_line(f"{lasting[0].rule}: {lasting[0].evidence}")}
    return outcome


def _first_run(search: SearchDirectory, plan: Plan, trial: str) -> RunDirectory | None:
    """Return the run of a trial whose images all others have; None where they may differ."""
    if any(key.key.startswith("data.") for key in plan.keys):
        return None
    runs = (search.run(path.name) for path in sorted(search.trials.iterdir()) if path.name != trial)
    return next((run for run in runs if run.exists), None)


def _go_on_from(before: RunDirectory, run: RunDirectory) -> None:
    """Copy a paused run, whose checkpoint another goes on from; its recipe last, which makes it a run."""
    own = {before.trial_file.name, "lock", before.recipe_file.name}
    for path in sorted(before.path.iterdir()):
        if path.name in own or path.name.startswith("."):
            continue
        if path.is_dir():
            shutil.copytree(path, run / path.name, dirs_exist_ok=True)
        else:
            shutil.copy2(path, run / path.name)
    temporary = temporary_path(run.recipe_file)
    shutil.copy2(before.recipe_file, temporary)
    temporary.replace(run.recipe_file)


def _wait_until_free(run: RunDirectory) -> None:
    """Wait until a process that had the trial before has ended: it is killed with its parent, soon."""
    until = time.monotonic() + FREE_SECONDS
    while True:
        try:
            run.check_free()
        except UserError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


def _epochs(run: RunDirectory) -> int:
    try:
        return len(run.history())
    except UserError:
        return 0
