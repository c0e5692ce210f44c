"""Where a run goes on: at its newest checkpoint that is whole."""

import json
import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from kerasnets.errors import UserError
from kerasnets.runs.directory import RunDirectory
from kerasnets.training.callbacks.run_callbacks import RunCallbacks
from kerasnets.training.checkpoints.file import capture, read_checkpoint, restore
from kerasnets.training.distribution.agreement import refusing_together
from kerasnets.training.fit.trainer import Trainer
from kerasnets.training.phases import Phases
from kerasnets.training.position import RunPosition

log = logging.getLogger("kerasnets")


def restore_newest(
    trainer: Trainer,
    directory: RunDirectory,
    callbacks: RunCallbacks,
    *,
    phases: Phases,
    usable: Callable[[RunPosition], bool] | None = None,
) -> RunPosition:
    """Put the newest checkpoint's numbers and state back, or save a first one.

    The chief reads it, and gives all hosts its numbers; without a checkpoint, its first ones.

    Args:
        trainer: gets the numbers.
        directory: of the run.
        callbacks: get the state.
        phases: of the run; the trainer comes into that of the checkpoint.
        usable: whether to go on from a position; newer checkpoints than the one gone on from are removed, and
            with them the best if it is newer too. The oldest is always usable.

    Returns:
        Where to go on from.

    Raises:
        UserError: there are checkpoints, but none is whole, or they are not this model's.
    """
    hosts, newest = trainer.hosts, None
    with refusing_together(hosts):
        if hosts.chief:
            newest = _newest(directory, usable)
    found = (newest[0], newest[2]) if newest else None
    found = json.loads(hosts.broadcast_text_from_chief(json.dumps(found)))
    if found is None:
        _broadcast_numbers(trainer)
        callbacks.checkpoints.save_now()  # there is always one to go back to
        return RunPosition()
    position, state = RunPosition(*found[0]), found[1]
    phases.enter_at(position)
    with refusing_together(hosts):
        if newest:
            path = directory.checkpoint(*position)
            with directory.naming_damage(path):
                restore(path, trainer, newest[1])
    _broadcast_numbers(trainer)
    with directory.naming_damage(directory.checkpoint(*position)):
        callbacks.resume(position, state)
    if usable and hosts.broadcast_from_chief(int(hosts.chief and _drop_newer_best(directory, state))):
        callbacks.early_stopping.forget_best()
    return position


def restore_best(trainer: Trainer, directory: RunDirectory, phases: Phases) -> None:
    """Give the trainer the numbers of the best epoch, on all hosts; it comes into that epoch's phase."""
    hosts, path, best = trainer.hosts, directory.best_checkpoint, None
    with refusing_together(hosts):
        if hosts.chief and path.is_file():
            with directory.naming_damage(path):
                best = read_checkpoint(path)
    epochs = int(hosts.broadcast_from_chief(len(best[1]["rows"]) if best else 0))
    if epochs:
        phases.enter_at(RunPosition(epochs))
    with refusing_together(hosts):
        if best:
            with directory.naming_damage(path):
                restore(path, trainer, best[0])
    _broadcast_numbers(trainer)


def _broadcast_numbers(trainer: Trainer) -> None:
    """Give the trainer on every host the numbers it has on the chief."""
    hosts = trainer.hosts
    if hosts.count > 1:
        arrays = {name: hosts.broadcast_from_chief(array) for name, array in capture(trainer).items()}
        restore("the chief's numbers", trainer, arrays)


def _drop_newer_best(directory: RunDirectory, state: dict[str, Any]) -> bool:
    """Remove the best checkpoint where it has more epochs behind it than `state`; return whether it had."""
    if not directory.best_checkpoint.is_file():
        return False
    with directory.naming_damage(directory.best_checkpoint):
        newer = len(read_checkpoint(directory.best_checkpoint)[1]["rows"]) > len(state["rows"])
    if newer:
        directory.best_checkpoint.unlink()
    return newer


def _newest(
    directory: RunDirectory, usable: Callable[[RunPosition], bool] | None
) -> tuple[RunPosition, dict[str, np.ndarray], dict[str, Any]] | None:
    """Return position, arrays and state of the newest checkpoint that is whole; None where there is none."""
    refusals, positions = [], [RunPosition(*each) for each in directory.checkpointed()]
    for position in reversed(positions):
        path = directory.checkpoint(*position)
        try:
            arrays, state = read_checkpoint(path)
        except UserError as refusal:
            refusals.append(refusal)
            continue
        if usable and position != positions[0] and not usable(position):
            path.unlink()
            continue
        for reason in refusals:
            log.warning("%s; going on from the checkpoint before", reason)
        return position, arrays, state
    if refusals:
        with directory.naming_damage(directory.checkpoint(*positions[-1])):
            raise refusals[0]
    return None
