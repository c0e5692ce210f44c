"""What came out of a search, in words and tables."""

from kerasnets.errors import few, one_line, printable
from kerasnets.report.section import Section, Table
from kerasnets.report.sections.verdicts import RunVerdict, ShownFinding
from kerasnets.report.tuning.axes import name_of, values_text
from kerasnets.report.tuning.progress import duration, trainings
from kerasnets.report.tuning.records import SearchRecords, best_first
from kerasnets.runs.searches.trial_record import TrialRecord

LOST = ("diverged", "failed", "killed")
"""Statuses of trials that ended otherwise than their search meant."""

MOST_OPEN = 12
"""Trials up to which their table stands open."""


def results_table(records: SearchRecords) -> Table:
    """Return what was searched, and what came out so far."""
    search, best = records.search, records.best
    done = sum(trial.status != "running" for trial in records.trials)
    rows = [
        ("folder", records.path),
        ("tuner", search.tuner),
        ("searched", few(map(printable, search.keys))),
        ("trials that have ended", f"{done} of at most {search.trials}"),
        ("cost", f"{trainings(records):.2f} trainings of {search.full} epochs"),
    ]
    if best:
        low, high = best.interval or (None, None)
        spread = f", 95 % interval {low:.4f} to {high:.4f}" if low is not None else ""
        seeds = best.seeds
        rows += [
            ("best", values_text(best.values)),
            (search.objective, f"{best.mean:.4f}, {seeds} seed{'s' * (seeds != 1)}{spread}"),
            ("not separated from it", few(map(values_text, best.not_separated)) or "none"),
        ]
    return Table(("", ""), tuple(rows))


def search_verdict(records: SearchRecords) -> RunVerdict:
    """Return what came out in one sentence, and below it what went wrong."""
    findings = tuple(_lost(records, status) for status in LOST if _of(records, status))
    running = len(_of(records, "running"))
    if records.best:
        return RunVerdict(label="", verdict=records.best.verdict, healthy=True, findings=findings)
    scored = best_first(records, records.trials)
    told = f"No winner yet: {len(scored)} of {len(records.trials)} trials have a score, {running} are running"
    if scored:
        told += f"; the best so far is {scored[0].score:.4f} with {values_text(scored[0].values)}"
    lost = bool(records.trials) and not scored and not running
    told = "No trial has a score: all have ended without one" if lost else told
    return RunVerdict(label="", verdict=f"{told}.", healthy=False if lost else None, findings=findings)


def _of(records: SearchRecords, status: str) -> list[TrialRecord]:
    return [trial for trial in records.trials if trial.status == status]


def _lost(records: SearchRecords, status: str) -> ShownFinding:
    trials = _of(records, status)
    reasons = few(dict.fromkeys(one_line(trial.reason) for trial in trials if trial.reason))
    return ShownFinding(
        when="",
        what=f"{len(trials)} of {len(records.trials)} trials {'were ' * (status == 'killed')}{status}",
        text=f": {reasons}" if reasons else "",
        anchor="trials",
        shown="Trials",
    )


def trials_section(records: SearchRecords) -> list[Section]:
    """Return the section of all trials, the best of each stage first; none before one has begun."""
    keys = list(records.search.keys)
    columns = ("trial", "stage", *map(printable, keys), "seed", "status", records.search.objective)
    tables = []
    for stage in reversed(records.stages):
        of_stage = [trial for trial in records.trials if trial.stage == stage]
        ordered = [*best_first(records, of_stage), *(trial for trial in of_stage if trial.score is None)]
        rows = tuple(_row(trial, keys) for trial in ordered)
        title = f"{len(rows):,} of stage {stage}" if len(rows) > MOST_OPEN else ""
        tables.append(Table((*columns, "epochs", "time", "why"), rows, title=title))
    section = Section(
        anchor="trials",
        title="Trials",
        caption="Each is a run in the folder trials, as other commands take it. The last stage comes first.",
        tables=tuple(tables),
    )
    return [section] if tables else []


def _row(trial: TrialRecord, keys: list[str]) -> tuple[str, ...]:
    values = (name_of(trial.values[key]) if key in trial.values else "" for key in keys)
    score = "" if trial.score is None else f"{trial.score:.4f}"
    stood = (str(trial.seed), trial.status, score, str(trial.epochs), duration(trial.seconds))
    return (printable(trial.id), printable(trial.stage), *values, *stood, one_line(trial.reason))


def recipe_section(records: SearchRecords) -> Section:
    """Return the section of the best recipe and of the one that was searched, folded."""
    best = [("best.toml", records.best_recipe)] if records.best_recipe else []
    caption = f"Train the best with kerasnets train {records.path}/best.toml" if best else ""
    folded = (*best, ("recipe.toml, which was searched", records.recipe.to_toml()))
    return Section(anchor="recipe", title="Recipe", caption=caption, folded=folded)
