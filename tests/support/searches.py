"""Searches that nobody ran, written as `kerasnets tune` leaves them."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from kerasnets.rate_range.curve.rate_range import RateRange
from kerasnets.rate_range.curve.reading import Reading
from kerasnets.recipe import load_recipe
from kerasnets.runs.searches.best_record import BestRecord
from kerasnets.runs.searches.directory import SearchDirectory
from kerasnets.runs.searches.search_record import SearchRecord
from kerasnets.runs.searches.trial_record import TrialRecord

RATE = "optimizer.learning_rate"
KEYS = {
    RATE: {"min": 1e-4, "max": 1.0, "sampling": "log"},
    "train.batch_size": {"choices": [16, 32, 64, 128]},
    "regularization.dropout": {"min": 0.0, "max": 0.6},
    "optimizer.name": {"choices": ["sgd", "adam"]},
}
START = datetime(2026, 1, 31, 12, tzinfo=UTC)


def written_search(folder, tried, *, keys=None, best=None, rates=None, **given):
    """Write a search that has tried these trials, each with a run of a few epochs; return its directory."""
    search = SearchDirectory(folder)
    recipe = load_recipe("lenet5-digits")
    known = {
        "name": "lenet5-digits",
        "tuner": "random",
        "objective": "val_accuracy",
        "direction": "max",
        "keys": KEYS if keys is None else keys,
        "seeds": 1,
        "finals": 0,
        "short": 10,
        "full": 30,
        "trials": len(tried),
        "trainings": 7.5,
        "seconds": 60.0,
    }
    record = SearchRecord(**known | given)
    search.path.mkdir(parents=True)
    search.recipe_file.write_text(recipe.to_toml())
    record.write(search.search_file)
    for trial in tried:
        run = search.run(trial.id)
        run.path.mkdir(parents=True)
        trial.write(run.trial_file)
        run.recipe_file.write_text(recipe.to_toml())
        if trial.epochs:
            history(trial).to_csv(run.history_file, index=False)
    if best:
        best.write(search.best_file)
        search.best_recipe_file.write_text(recipe.to_toml())
    if rates:
        rates.write(search.range_file)
    search.write_table()
    return search


def history(trial):
    """Return a history that ends at a trial's score."""
    epochs = np.arange(1, trial.epochs + 1)
    end = 0.1 if trial.score is None else trial.score
    accuracy = end * (1 - 0.5**epochs) / (1 - 0.5**trial.epochs)
    loss = 2.4 - 2.3 * accuracy
    if trial.status == "diverged":
        loss[-1] = np.nan
    return pd.DataFrame(
        {
            "epoch": epochs,
            "loss": loss,
            "accuracy": accuracy + 0.01,
            "val_loss": loss + 0.05,
            "val_accuracy": accuracy,
        }
    )


def clock(seconds):
    """Return a time so many seconds after the search began, as records have it."""
    return (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def drawn_trials(count, *, keys=None, seed=0, workers=2):
    """Return trials at random values; the score depends on the rate most, a little on the batch size."""
    keys = KEYS if keys is None else keys
    draws = np.random.default_rng(seed)
    trials = []
    for number in range(count):
        values = {key: _drawn(space, draws) for key, space in keys.items()}
        rate = values.get(RATE, 0.1)
        score = 0.95 - 0.1 * (np.log10(rate) + 1.5) ** 2 + 0.01 * draws.normal()
        score -= 0.0005 * float(values.get("train.batch_size", 32))
        diverged = rate > 0.6
        begin = 20.0 * (number // workers)
        trials.append(
            TrialRecord(
                id=f"{number:04}",
                stage="random",
                values=values,
                seed=number % 3,
                status="diverged" if diverged else "done",
                reason="loss is not finite in epoch 1" if diverged else "",
                score=None if diverged else float(np.clip(score, 0.1, 1)),
                epochs=2 if diverged else 10,
                seconds=18.0,
                budget=10,
                started=clock(begin),
                ended=clock(begin + 18.0),
                worker=f"worker-{number % workers}",
            )
        )
    return trials


def _drawn(space, draws):
    if listed := space.get("choices"):
        return listed[draws.integers(len(listed))]
    if space.get("sampling") == "log":
        return float(10 ** draws.uniform(np.log10(space["min"]), np.log10(space["max"])))
    return float(draws.uniform(space["min"], space["max"]))


def staged_trials():
    """Return trials of a search in stages: range test, ten rates for a short time, the best three in full."""
    trials = [_staged("0000", "range", None, 0, None, 0, 0.0)]
    rates = np.logspace(-3, 0, 10)
    scores = 0.9 - 0.15 * (np.log10(rates) + 1.2) ** 2
    for number, (rate, score) in enumerate(zip(rates, scores, strict=True)):
        begin = 5.0 + 6.0 * number
        trials.append(_staged(f"{len(trials):04}", "short", float(rate), 0, float(score), 3, begin))
    order = np.argsort(-scores)[:3]
    for number, place in enumerate(order):
        for seed in (0, 1):
            begin = 65.0 + 60.0 * (2 * number + seed)
            score = float(scores[place]) + 0.05 - 0.01 * number + 0.004 * seed
            name = f"{len(trials):04}"
            trials.append(_staged(name, "full", float(rates[place]), seed, score, 30, begin))
    return trials


def _staged(name, stage, rate, seed, score, epochs, begin):
    return TrialRecord(
        id=name,
        stage=stage,
        values={} if rate is None else {RATE: rate},
        seed=seed,
        status="done",
        budget=epochs,
        score=score,
        epochs=epochs,
        seconds=2.0 * epochs,
        started=clock(begin),
        ended=clock(begin + 2.0 * epochs),
        worker="worker-0",
    )


def staged_best(trials):
    """Return the winner of `staged_trials`."""
    full = [trial for trial in trials if trial.stage == "full"]
    scores = np.array([trial.score for trial in full[:2]])
    return BestRecord(
        values=full[0].values,
        objective="val_accuracy",
        seeds=2,
        mean=float(scores.mean()),
        interval=(float(scores.min() - 0.01), float(scores.max() + 0.01)),
        not_separated=[full[2].values],
        recipe={RATE: 0.05},
        recipe_mean=None,
        trainings=7.13,
        seconds=420.0,
        verdict=f"{full[0].values[RATE]:.3g} is the best rate; {full[2].values[RATE]:.3g} may be as good.",
    )


def rate_range():
    """Return a range test of two seeds, of which the first diverges."""
    rates = np.logspace(-6, 1, 80)
    losses = 2.3 - 1.5 / (1 + np.exp(-4 * (np.log10(rates) + 2)))
    losses = losses + np.where(rates > 0.5, 3 * np.log10(rates / 0.5), 0) ** 2
    losses = np.stack([losses, losses + 0.05])
    losses[0, rates > 3] = np.nan
    return RateRange(
        rates=rates,
        losses=losses,
        update_ratios=np.stack([rates / 10, rates / 8]),
        falls_from=2e-3,
        steepest=1e-2,
        diverges_at=1.0,
        update_ratio_1e_3=1e-2,
        low=1e-3,
        high=1.0,
        by_seed=(Reading(falls_from=1e-3, low=1e-3), Reading(falls_from=3e-3)),
        steps=160,
        trainings=0.13,
    )
