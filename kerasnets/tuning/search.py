"""A search from start to end: what it will cost, its workers, and what it found."""

import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasnets import runtime
from kerasnets.errors import FailureError, StoppedError, UserError
from kerasnets.files.whole_files import final_name, owned, write_text
from kerasnets.recipe import Recipe, changed
from kerasnets.runs.searches.best_record import BestRecord
from kerasnets.runs.searches.directory import SearchDirectory
from kerasnets.runs.searches.search_record import SearchRecord
from kerasnets.terminal import clear, duration_text, phase, recorded_by, say
from kerasnets.training.distribution.tf_config import cluster
from kerasnets.training.signals import StopSignals
from kerasnets.tuning.planning.no_effect import check_effects
from kerasnets.tuning.planning.plan import RANGE_COST, Plan, make_plan
from kerasnets.tuning.progress import Progress
from kerasnets.tuning.workers.processes import Processes, Share, gpu_names, shares

if TYPE_CHECKING:
    from kerasnets.tuning.oracles import TrialTuner
    from kerasnets.tuning.workers.roles import Role

LOOK = "kerasnets.tuning.workers.trial_jobs.look"

SHOW_SECONDS = 0.25
"""How often the main thread looks at the trials."""

LOST_SECONDS = 120.0
"""How long a trial on another machine may show no sign of life before another worker goes on with it."""

TRIES = 3
"""How often the process is started that looks at the images, where it is killed."""

LATE_SECONDS = 20.0
"""How long a chief waits for its workers to hear that there are no more trials."""


def tune_recipe(
    recipe: Recipe, folder: Path, *, resume: bool = False, workers: int = 1, time_steps: bool = True
) -> SearchDirectory:
    """Run the search; see `kerasnets.tune`.

    Args:
        recipe: what is searched.
        folder: of the search.
        resume: go on with the search there, if there is one.
        workers: how many trials this machine runs at a time.
        time_steps: whether to say beforehand how long it will take.
    """
    from kerasnets.tuning.workers.roles import role

    search, part = SearchDirectory(folder), role()
    if cluster().count > 1:
        raise UserError(f"TF_CONFIG: found {cluster().count} hosts, allowed in a search: one for each trial")
    plan = make_plan(_with_kept_trials(recipe, search) if resume else recipe)
    check_effects(plan)
    _check_folder(search, plan, resume=resume or part == "worker")
    with StopSignals() as signals, Processes() as processes, recorded_by(lambda text: None):
        if part == "worker":
            plan = _chiefs_plan(search, plan, signals)
        elif not search.exists:
            plan, record = _looked(plan, processes, time_steps=time_steps)
            _say_cost(plan, record, workers)
        else:
            plan = plan.comparing_by(search.search().objective)
        with ExitStack() as stack:
            if part != "worker":
                stack.enter_context(owned(folder, leftovers=part == "alone"))
                # a search that was given more trials is not finished
                search.best_file.unlink(missing_ok=True)
                if not search.exists:
                    search.trials.mkdir(parents=True, exist_ok=True)
                    write_text(search.recipe_file, plan.recipe.to_toml())
                    record.write(search.search_file)  # last: it makes the folder a search
            _Workers(search, plan, processes, signals=signals, part=part, count=workers).run()
            if part != "worker":
                _finish(search, plan)
    return search


def _check_folder(search: SearchDirectory, plan: Plan, *, resume: bool) -> None:
    """Refuse a folder that holds something else, before anything is written."""
    if search.exists:
        if not resume:
            raise UserError(
                f"{search}: already holds a search; give another --to, or --resume to go on with it"
            )
        kept = make_plan(search.recipe()).recipe
        if kept != plan.recipe and not _more_trials(kept, plan.recipe):
            raise UserError(f"{search}: holds a search of another recipe; give another --to")
    elif search.path.is_file() or (
        search.path.is_dir() and not all(map(_is_of_beginning, search.path.iterdir()))
    ):
        raise UserError(f"{search}: found other files, allowed: an empty or a new folder")


def _with_kept_trials(recipe: Recipe, search: SearchDirectory) -> Recipe:
    """Return a recipe with as many trials as the search there has, where it does not say how many."""
    kept = search.recipe().tune.trials if search.exists else None
    return changed(recipe, {"tune.trials": kept}) if kept and recipe.tune.trials is None else recipe


def _more_trials(kept: Recipe, asked: Recipe) -> bool:
    """Return whether two recipes differ in the number of trials alone, and more are asked for."""
    before, now = kept.tune.trials, asked.tune.trials
    grown = before is not None and now is not None and now > before
    return grown and changed(kept, {"tune.trials": now}) == asked


def _is_of_beginning(entry: Path) -> bool:
    """Return whether a file is one that a search leaves which was killed at its beginning."""
    empty = not (entry.is_dir() and any(entry.iterdir()))
    return empty and final_name(entry.name) in ("lock", "trials", "search.json", "recipe.toml")


def _looked(plan: Plan, processes: Processes, *, time_steps: bool) -> tuple[Plan, SearchRecord]:
    """Return the plan with its objective, and what the search is; a process of its own looks at the data."""
    phase("loading TensorFlow, looking at the images")
    recipe = plan.recipe
    for _ in range(TRIES):
        ended = processes.run(LOOK, [recipe.to_toml(), recipe.origin, time_steps])
        if ended.outcome is not None or ended.code >= 0:
            break
    if ended.outcome is None:
        raise FailureError(f"{recipe.origin}: looking at the images failed: {ended.errors}")
    if "refused" in ended.outcome:
        raise UserError(ended.outcome["refused"])
    plan = plan.comparing_by(ended.outcome["objective"])
    return plan, SearchRecord(
        name=recipe.name,
        tuner=plan.tuner,
        objective=plan.objective,
        direction=plan.direction,
        keys={key.key: key.searched.model_dump(exclude_none=True) for key in plan.keys},
        seeds=recipe.tune.seeds,
        finals=recipe.tune.finals,
        short=plan.short,
        full=plan.full,
        trials=len(plan.expected) + plan.tests_range + plan.final_trainings,
        trainings=round(plan.trainings, 2),
        seconds=ended.outcome["seconds"],
        overhead=ended.outcome["overhead"],
    )


def _chiefs_plan(search: SearchDirectory, plan: Plan, signals: StopSignals) -> Plan:
    """Return the plan when the chief has written what the search is."""
    phase("waiting for the chief")
    while not search.exists:
        signals.check(signals.received)
        time.sleep(SHOW_SECONDS)
    return plan.comparing_by(search.search().objective)


def _say_cost(plan: Plan, record: SearchRecord, workers: int) -> None:
    if plan.unasked:
        say("the recipe has no [tune.parameters]: its learning rate is searched")
    parts = [f"a range test, {RANGE_COST:g}" if plan.tests_range else ""]
    epochs = f"{plan.short} epoch{'s' * (plan.short > 1)}"
    parts.append(f"{len(plan.expected)} trials of up to {epochs}, {sum(plan.expected) / plan.full:.3g}")
    if plan.final_trainings:
        tune = plan.recipe.tune
        between = ", and what is best between them," if plan.trains_between else ""
        parts.append(
            f"the best {tune.finals} and your recipe's own{between} in full with {tune.seeds} seeds, "
            f"{plan.final_trainings}"
        )
    took = ""
    if record.seconds is not None and record.overhead is not None:
        seconds = record.seconds * plan.trainings + record.overhead * record.trials
        took = f", about {duration_text(seconds / workers)}"
    say(f"{plan.tuner}: {' + '.join(filter(None, parts))}: {plan.trainings:.3g} trainings at most{took}")


class _Workers:
    """Runs a search's trials on this machine, or serves workers elsewhere, until there are no more."""

    def __init__(
        self,
        search: SearchDirectory,
        plan: Plan,
        processes: Processes,
        *,
        signals: StopSignals,
        part: "Role",
        count: int,
    ) -> None:
        self._search, self._plan, self._processes, self._signals = search, plan, processes, signals
        self._part, self._count = part, count
        self._stopping = threading.Event()
        self._failures: list[Exception] = []
        self._progress = Progress(plan, search, count)
        self._finished_at: float | None = None
        self._seen: dict[str, tuple[float, float]] = {}

    def run(self) -> None:
        """Run them; raise what went wrong, or that a signal came."""
        phase("loading Keras Tuner")
        runtime.prepare()  # Keras Tuner loads TensorFlow
        from kerasnets.tuning.oracles import make_oracle, remote_oracle

        oracle = (
            remote_oracle(self._plan) if self._part == "worker" else make_oracle(self._search, self._plan)
        )
        threads = [
            threading.Thread(target=self._work, args=(tuner,), name=tuner.tuner_id, daemon=True)
            for tuner in self._tuners(oracle)
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads) and not self._is_over(oracle):
            threads[0].join(SHOW_SECONDS)
            if self._signals.received and not self._stopping.is_set():
                say("stopping: trials save themselves")
                self._stop()
                if self._part == "chief":
                    break
            if self._part != "worker":
                self._progress.show(list(oracle.records.values()))
            if self._part == "chief":
                self._leave_lost(oracle)
        clear()
        self._signals.check(self._signals.received)
        for failure in self._failures:
            if not isinstance(failure, StoppedError):
                raise failure

    def _is_over(self, oracle: Any) -> bool:
        """Return whether nothing comes any more, although workers here or elsewhere still seem to ask."""
        if self._failures:  # Keras Tuner may hold a lock that others wait for
            return not self._processes.busy
        if self._part == "worker":
            return self._search.finished and not self._processes.busy
        if self._part == "chief" and oracle.finished:
            self._finished_at = self._finished_at or time.monotonic()
            return time.monotonic() - self._finished_at > LATE_SECONDS
        return False

    def _tuners(self, oracle: Any) -> list["TrialTuner"]:
        """Return the workers of this machine; of a chief the one that serves others."""
        from kerasnets.tuning.oracles import TrialTuner
        from kerasnets.tuning.workers.roles import worker_names

        names = worker_names(self._part, self._count)
        own = shares(self._count, gpu_names())
        return [
            TrialTuner(
                oracle, self._search, name=name, run=self._runner(name, share), stopping=self._stopping
            )
            for name, share in zip(names, own, strict=False)
        ]

    def _runner(self, name: str, share: Share) -> Callable[[str], None]:
        from kerasnets.tuning.workers.trial_runs import TrialRuns

        return TrialRuns(
            search=self._search,
            worker=name,
            processes=self._processes,
            share=share,
            stopping=self._stopping,
            told=self._progress.told,
        ).run

    def _work(self, tuner: "TrialTuner") -> None:
        from kerasnets.tuning.oracles import work

        try:
            work(tuner, self._search, self._stopping)
        except Exception as failure:  # the main thread raises it
            self._failures.append(failure)
            self._stop()

    def _stop(self) -> None:
        self._stopping.set()
        self._processes.signal_all(signal.SIGTERM)

    def _leave_lost(self, oracle: Any) -> None:
        """Have other workers go on with trials that have shown no sign of life for long."""
        now = time.monotonic()
        for record in list(oracle.records.values()):
            path = self._search.run(record.id).trial_file
            if record.id in oracle.end_order or not path.is_file():
                continue
            changed_at, seen_at = path.stat().st_mtime, self._seen.get(record.id, (0.0, now))
            if changed_at != seen_at[0]:
                self._seen[record.id] = (changed_at, now)
            elif now - seen_at[1] > LOST_SECONDS:
                oracle.leave(record.id)
                self._seen[record.id] = (changed_at, now)


def _finish(search: SearchDirectory, plan: Plan) -> None:
    """Write what the search found; its record last, which makes it finished."""
    from kerasnets.tuning.planning.judging import judge

    trials = search.trial_records()
    search.write_table()
    best = judge(plan, trials, _range_cost(search))
    if best is None:
        ended = ", ".join(dict.fromkeys(trial.status for trial in trials if trial.stage != "range"))
        ranges = ", ".join(f"tune.parameters.{key.key}" for key in plan.keys)
        raise UserError(f"{plan.recipe.origin}: no trial has a {plan.objective} ({ended}): change {ranges}")
    _write_best(search, plan, best)


def _range_cost(search: SearchDirectory) -> float:
    from kerasnets.rate_range.curve.rate_range import RateRange

    if not search.range_file.is_file():
        return 0.0
    with search.naming_damage(search.range_file):
        return RateRange.read(search.range_file).trainings or 0.0


def _write_best(search: SearchDirectory, plan: Plan, best: BestRecord) -> None:
    recipe = changed(plan.recipe, {**best.values, "name": f"{plan.recipe.name}-best"})
    write_text(search.best_recipe_file, f"# {best.verdict}\n\n{recipe.to_toml()}")
    best.write(search.best_file)
