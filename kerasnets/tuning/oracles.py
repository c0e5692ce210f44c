"""All that the program uses of Keras Tuner: its oracles, which choose values, and its chief and workers.

What an oracle knows lies in the records of the trials alone: a search goes on by asking it the same questions
again, in the same order. Nothing of Keras Tuner's own is kept on the disk.
"""

import math
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.errors import FatalError

from kerasnets.errors import UserError
from kerasnets.runs.searches.directory import SearchDirectory
from kerasnets.runs.searches.trial_record import TrialRecord, utc_now
from kerasnets.runs.searches.trials_table import write_trials_table
from kerasnets.tuning.planning.finals import finals
from kerasnets.tuning.planning.plan import FACTOR, Plan, PlannedTrial
from kerasnets.tuning.planning.space import decoded, grid_values
from kerasnets.tuning.planning.stages import stage_trials

POLL_SECONDS = 0.1
"""How long a worker waits before it asks again for a trial."""

RETRY_SECONDS = 5.0
"""How long a worker waits before it asks a chief again that did not answer."""

Response = dict[str, Any]
"""What a tuner answers: "status", and "values" where a trial is to be run."""


class _RecordedOracle(keras_tuner.Oracle):
    """An oracle of Keras Tuner that keeps its trials as records, and has the best trained in full.

    Stands before Keras Tuner's own class, whose `populate_space` it asks for the trials of the search.

    Args:
        search: the folder; its trials, if there are any, are asked for again.
        plan: of the search.
        **options: of Keras Tuner's class.
    """

    def __init__(self, search: SearchDirectory, plan: Plan, **options: Any) -> None:
        self._search, self._plan = search, plan
        self._choices: dict[str, list[Any] | None] = {}
        super().__init__(
            objective=keras_tuner.Objective(plan.objective, plan.direction),
            hyperparameters=self._space(),
            seed=plan.recipe.train.seed + 1,  # Keras Tuner takes 0 for "draw one"
            max_consecutive_failed_trials=10**9,  # a rate that diverges is a result, not a failure
            **options,
        )
        self.verbose = 0
        self.records: dict[str, TrialRecord] = {}
        self._planned: dict[str, PlannedTrial] = {}
        self._finals: list[PlannedTrial] | None = None
        self._waiting: list[str] = []
        self._repeat(search.trial_records())

    def _space(self) -> keras_tuner.HyperParameters:
        """Return what is searched; choices are given by their place, which any type can have."""
        space, keys = keras_tuner.HyperParameters(), {key.key: key for key in self._plan.keys}
        for key, searched in keys.items():
            parent = searched.parent and keys[searched.parent].searched.choices
            condition: dict[str, Any] = {}
            if parent:
                places = [place for place, kind in enumerate(parent) if kind in searched.kinds]
                condition = {"parent_name": searched.parent, "parent_values": places}
            one = searched.searched
            gridded = self._plan.tuner == "grid"
            values = grid_values(searched, self._plan.points) if gridded or one.choices is not None else None
            self._choices[key] = values
            if values is not None:
                ordered = one.choices is None or all(type(value) in (int, float) for value in values)
                space.Choice(key, list(range(len(values))), ordered=ordered, **condition)
            else:
                number = space.Int if searched.whole else space.Float
                low, high = one.bounds
                number(key, low, high, step=one.step, sampling=one.sampling, **condition)
        return space

    def _repeat(self, records: Sequence[TrialRecord]) -> None:
        """Ask for the trials that were there before, and end those that had ended, in the same order."""
        ended = sorted(
            (record for record in records if not record.running),
            key=lambda record: (record.place is None, record.place, record.id),
        )
        for record in records:
            while len(self.end_order) < record.ended_before:
                self._end(ended.pop(0))
            trial = super().create_trial(f"before {record.id}")
            planned = self._planned.get(record.id)
            if trial.trial_id != record.id or planned is None or planned.values != record.values:
                raise UserError(
                    f"{self._search}: trials/{record.id}: found other values than this search tries; "
                    "give another --to"
                )
            self.records[record.id] = record
        for record in ended:
            self._end(record)
        self._waiting = [trial.trial_id for trial in self.ongoing_trials.values()]
        self.ongoing_trials.clear()
        self.tuner_ids.clear()

    def populate_space(self, trial_id: str) -> Response:
        """Return the values of the next trial: of the search, then of the trainings in full."""
        if self._finals is None:
            response = self._searched(trial_id)
            if response["status"] != TrialStatus.STOPPED:
                return response
        if not self._finals:
            if self.ongoing_trials or self._waiting:
                return {"status": TrialStatus.IDLE}
            self._finals = finals(self._plan, list(self.records.values()))
        if self._finals:
            return self._run(trial_id, self._finals.pop(0))
        return {"status": TrialStatus.STOPPED}

    def _searched(self, trial_id: str) -> Response:
        """Return the values of the next trial of the search."""
        if self._plan.trials is not None and len(self.trials) >= self._plan.trials:
            return {"status": TrialStatus.STOPPED}
        response: Response = super().populate_space(trial_id)
        if response["status"] == TrialStatus.RUNNING:
            self._planned[trial_id] = self._plan_of(response["values"])
        return response

    def _plan_of(self, values: Mapping[str, Any]) -> PlannedTrial:
        """Return the trial that a tuner's values mean; Hyperband's say too how long it is."""
        found = decoded(self._choices, values)
        budget = values.get("tuner/epochs", found.get("train.epochs", self._plan.short))
        return PlannedTrial(
            # rungs of one number have other lengths in other brackets, and are not to be compared
            stage=f"{budget} epochs" if "tuner/epochs" in values else self._plan.tuner,
            values=found,
            seed=self._plan.recipe.train.seed,
            budget=budget,
            promoted_from=values.get("tuner/trial_id") or None,
        )

    def _run(self, trial_id: str, planned: PlannedTrial) -> Response:
        self._planned[trial_id] = planned
        places = {
            key: value if (choices := self._choices[key]) is None else _place(choices, value)
            for key, value in planned.values.items()
        }
        return {"status": TrialStatus.RUNNING, "values": places}

    @keras_tuner.synchronized
    def create_trial(self, tuner_id: str) -> Trial:
        """Return a trial for a worker: the one that it had, one that was left by another, or a new one."""
        if self._waiting and tuner_id not in self.ongoing_trials:
            trial = self.trials[self._waiting.pop(0)]
            self.ongoing_trials[tuner_id] = trial
            self.tuner_ids.add(tuner_id)
            return trial
        trial = super().create_trial(tuner_id)
        if trial.status == TrialStatus.RUNNING and trial.trial_id not in self.records:
            self._begin(trial.trial_id, tuner_id)
        return trial

    def _begin(self, trial_id: str, worker: str) -> None:
        planned = self._planned[trial_id]
        record = TrialRecord(
            id=trial_id,
            stage=planned.stage,
            values=planned.values,
            seed=planned.seed,
            budget=planned.budget,
            started=utc_now(),
            worker=worker,
            promoted_from=planned.promoted_from,
            ended_before=len(self.end_order),
        )
        path = self._search.run(trial_id).trial_file
        path.parent.mkdir(parents=True, exist_ok=True)
        record.write(path)
        self.records[trial_id] = record

    @keras_tuner.synchronized
    def end_trial(self, trial: Trial) -> None:
        """Take the end of a trial from its record; a worker that tells it again is not heard."""
        if trial.trial_id in self.end_order:
            return
        self._waiting = [each for each in self._waiting if each != trial.trial_id]
        self._end(self._search.trial(trial.trial_id))
        write_trials_table(
            self._search.table_file, self.records.values(), [key.key for key in self._plan.keys]
        )

    def _end(self, record: TrialRecord) -> None:
        if record.place != len(self.end_order):
            record = record.changed(place=len(self.end_order))
            record.write(self._search.run(record.id).trial_file)
        self.records[record.id] = record
        trial = self.trials[record.id]
        trial.status = TrialStatus.COMPLETED
        super().end_trial(trial)

    def score_trial(self, trial: Trial) -> None:
        """Give a trial its recorded score; one without gets the worst so far, and is not tried again."""
        score = self.records[trial.trial_id].score
        if score is None:
            ended = (self.records[each].score for each in self.end_order)
            known = [each for each in ended if each is not None]
            worst = min if self._plan.direction == "max" else max
            score = worst(known) if known else math.nan
            if self._plan.tuner == "hyperband":  # it promotes by what has a score
                score = -math.inf if self._plan.direction == "max" else math.inf
        trial.score = score

    @property
    def finished(self) -> bool:
        """Whether all trials have ended, and no others come."""
        if self._finals != [] or self.ongoing_trials or self._waiting:
            return False
        return not finals(self._plan, list(self.records.values()))

    @keras_tuner.synchronized
    def leave(self, trial_id: str) -> None:
        """Take a trial from a worker that is gone; the next that asks goes on with it."""
        for worker, trial in list(self.ongoing_trials.items()):
            if trial.trial_id == trial_id:
                del self.ongoing_trials[worker]
                self.tuner_ids.discard(worker)
                self._waiting.append(trial_id)

    def save(self) -> None:
        """Keep nothing: the records have all."""

    def _save_trial(self, trial: Trial) -> None:
        """Keep nothing: the record has all."""


class _Stages(_RecordedOracle):
    """The search in stages: the range test, then spaced values for a short time."""

    def _searched(self, trial_id: str) -> Response:
        planned = stage_trials(self._search, self._plan, list(self.records.values()))
        if planned is None:
            return {"status": TrialStatus.IDLE}
        if len(self.records) < len(planned):
            return self._run(trial_id, planned[len(self.records)])
        return {"status": TrialStatus.STOPPED}


class _Grid(_RecordedOracle, keras_tuner.oracles.GridSearchOracle):
    """All combinations."""


class _Random(_RecordedOracle, keras_tuner.oracles.RandomSearchOracle):
    """Values drawn at random."""


class _Bayesian(_RecordedOracle, keras_tuner.oracles.BayesianOptimizationOracle):
    """Values where a Gaussian process expects most."""

    def _searched(self, trial_id: str) -> Response:
        from sklearn.exceptions import ConvergenceWarning

        with warnings.catch_warnings():  # of a process whose few trials leave its length scale open
            warnings.simplefilter("ignore", ConvergenceWarning)
            return super()._searched(trial_id)


class _Hyperband(_RecordedOracle, keras_tuner.oracles.HyperbandOracle):
    """Many for a few epochs, the best of them for more."""

    def _searched(self, trial_id: str) -> Response:
        budget = self._plan.recipe.tune.budget
        if budget is not None and self._spent() >= budget:
            return {"status": TrialStatus.STOPPED}
        return super()._searched(trial_id)

    def _spent(self) -> int:
        """Return the epochs of all trials so far."""
        trials = self.records.values()
        return sum(
            trial.budget - (self.records[trial.promoted_from].budget if trial.promoted_from else 0)
            for trial in trials
        )


def make_oracle(search: SearchDirectory, plan: Plan) -> _RecordedOracle:
    """Return what chooses the values of a search's trials, as far as it has got."""
    if plan.tuner == "hyperband":
        return _Hyperband(search, plan, max_epochs=plan.short, factor=FACTOR)
    if plan.tuner == "stages":
        return _Stages(search, plan)
    oracles = {"grid": _Grid, "random": _Random, "bayesian": _Bayesian}
    return oracles[plan.tuner](search, plan, max_trials=None)


class TrialTuner(BaseTuner):
    """Asks for trials, runs each and tells how it ended, until there are no more.

    Args:
        oracle: chooses them; with Keras Tuner's variables of a worker, the chief's is asked in its place.
        search: the folder.
        name: of the worker.
        run: runs a trial by its id, and records what came of it.
        stopping: set to have it end.
    """

    def __init__(
        self,
        oracle: keras_tuner.Oracle,
        search: SearchDirectory,
        *,
        name: str,
        run: Callable[[str], None],
        stopping: threading.Event,
    ) -> None:
        super().__init__(oracle, directory=str(search), project_name="trials")
        self.tuner_id = name
        self._objective, self._run_trial, self._stopping = oracle.objective.name, run, stopping
        self._asked = 0.0

    def pre_create_trial(self) -> None:
        """Wait a little since the last time; end where the search is stopped."""
        wait = POLL_SECONDS - (time.monotonic() - self._asked)
        if self._stopping.wait(max(0.0, wait)):
            raise FatalError("stopped")
        self._asked = time.monotonic()

    def run_trial(self, trial: Trial) -> dict[str, float]:
        """Run a trial; whatever goes wrong outside its training ends the search."""
        try:
            self._run_trial(trial.trial_id)
        except Exception as error:
            raise FatalError("the search cannot go on") from error
        return {self._objective: 0.0}  # its score, which may be none, is in its record

    def on_trial_end(self, trial: Trial) -> None:
        """Tell that it ended."""
        self.oracle.end_trial(trial)

    def save(self) -> None:
        """Keep nothing."""


def work(tuner: TrialTuner, search: SearchDirectory, stopping: threading.Event) -> None:
    """Have a worker of this machine, or of a chief elsewhere, run trials until there are no more.

    Raises:
        Exception: what went wrong outside the training of a trial.
    """
    import grpc

    while True:
        try:
            tuner.search()
            return
        except FatalError as fatal:
            if fatal.__cause__ is None:
                return
            raise fatal.__cause__ from None
        except RuntimeError as error:
            if "bind" not in str(error):
                raise
            raise UserError(
                f"KERASTUNER_ORACLE_PORT: found one that cannot be listened on: {error}"
            ) from None
        except grpc.RpcError:  # the chief has died: it comes back, or the user ends the worker
            if search.finished or stopping.wait(RETRY_SECONDS):
                return


def remote_oracle(plan: Plan) -> keras_tuner.Oracle:
    """Return an oracle that stands in for the chief's until the tuner asks that one."""
    objective = keras_tuner.Objective(plan.objective, plan.direction)
    return keras_tuner.oracles.RandomSearchOracle(objective=objective)


def _place(choices: Sequence[Any], value: Any) -> int:
    """Return the place of a value among choices; the recipe's own may be none of them, and has the first."""
    return next((place for place, choice in enumerate(choices) if choice == value), 0)
