"""What a run leaves at its end: its network, measured, and the result that makes it finished."""

from collections.abc import Mapping

from kerasnets.data.dataset import Split
from kerasnets.errors import DivergedError
from kerasnets.files.diagnostics_table import store_if_large
from kerasnets.files.whole_files import whole_file
from kerasnets.runs.directory import RunDirectory
from kerasnets.runs.records.result import SPLITS, Measures, Result
from kerasnets.terminal import phase, say
from kerasnets.training.callbacks.epoch_history import EpochHistory
from kerasnets.training.checkpoints.file import capture, not_finite
from kerasnets.training.fit.trainer import Trainer
from kerasnets.training.phases import Phases
from kerasnets.training.resume import restore_best
from kerasnets.training.setup.preparation import PreparedRun


def finish_run(
    prepared: PreparedRun,
    directory: RunDirectory,
    history: EpochHistory,
    *,
    phases: Phases,
    verdict: str | None,
    steps: int,
    seconds: float,
) -> None:
    """Measure what was trained, and write the network and then the result.

    Args:
        prepared: what was trained.
        directory: of the run.
        history: of the whole run.
        phases: of the run.
        verdict: whether the training was healthy; None on a host that writes nothing.
        steps: optimizer steps that this process has taken.
        seconds: that it took for them.

    Raises:
        DivergedError: the network holds a number that is not finite.
    """
    inputs, trainer, network = prepared.inputs, prepared.trainer, prepared.network
    recipe = inputs.recipe
    if recipe.train.keep == "best":
        restore_best(trainer, directory, phases)
    broken = not_finite(capture(trainer))
    if broken:
        raise DivergedError(len(history.rows) - 1, inputs.steps_per_epoch - 1, broken=broken)
    measured = _measures(trainer, prepared)
    if not trainer.hosts.chief:
        return
    with trainer.averaged(), whole_file(directory.model_file) as temporary:
        network.save(temporary)
    say(f"verdict: {verdict}")
    Result(
        name=recipe.name,
        parameters=network.count_params(),
        epochs=len(history.rows),
        steps=history.steps,
        skipped_steps=history.skipped,
        seconds=round(seconds, 1),
        images_per_second=round(steps * recipe.train.batch / seconds, 1),
        verdict=verdict,
        **measured,
    ).write(directory.result_file)
    # last: a run that goes on has the CSV, and where this does not come to its end it is as good
    store_if_large(directory.diagnostics_file)


def _measures(trainer: Trainer, prepared: PreparedRun) -> dict[str, Measures]:
    inputs, measured = prepared.inputs, {}
    splits: Mapping[str, Split] = inputs.dataset.splits
    for name in SPLITS:
        if name in splits:
            phase(f"measuring {len(splits[name]):,} {name} images")
            means = trainer.evaluate(inputs.evaluation_batches(splits[name]))
            measured[name] = Measures(**means, images=len(splits[name]))
    return measured
