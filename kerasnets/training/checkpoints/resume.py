"""Where a run goes on: at its newest checkpoint that is whole."""

import json
import logging

from kerasnets.errors import UserError
from kerasnets.training.checkpoints.file import capture, read_checkpoint, restore
from kerasnets.training.distribution.agreement import refusing_together

log = logging.getLogger("kerasnets")


def restore_newest(model, directory, listeners, good=None):
    """Put the newest checkpoint's numbers and state back, or save a first one.

    The chief reads it, and gives all hosts its numbers; without a checkpoint, its first ones.

    Args:
        model: the compiled `Trainer`.
        directory: the `RunDirectory`.
        listeners: the `RunCallbacks`.
        good: whether to go on from (epoch, step); the newest checkpoints where it says no are removed, and
            the best with them if it is later than what is gone back to. The oldest is always good enough.

    Returns:
        (epoch, step) to go on from: epochs done, and steps done of the next one.

    Raises:
        UserError: there are checkpoints, but none is whole, or they are not this model's.
    """
    hosts, found = model.hosts, None
    with refusing_together(hosts):
        if hosts.chief and (newest := _newest(directory, good)):
            position, arrays, state = newest
            path = directory.checkpoint(*position)
            with directory.naming_damage(path):
                restore(path, model, arrays)
            found = position, state
    found = json.loads(hosts.broadcast_text_from_chief(json.dumps(found)))
    _share(model)
    if found is None:
        listeners.record.save_now()  # there is always one to go back to
        return 0, 0
    position, state = found
    with directory.naming_damage(directory.checkpoint(*position)):
        listeners.resume(*position, state)
    if good and hosts.broadcast_from_chief(int(hosts.chief and _drop_later_best(directory, state))):
        listeners.record.forget_best()
    return tuple(position)


def restore_best(model, directory):
    """Give the model the numbers of the best epoch."""
    with refusing_together(model.hosts):
        if model.hosts.chief and directory.best_checkpoint.is_file():
            with directory.naming_damage(directory.best_checkpoint):
                restore(directory.best_checkpoint, model, read_checkpoint(directory.best_checkpoint)[0])
    _share(model)


def _share(model):
    """Give the model on every host the numbers it has on the chief."""
    if model.hosts.count > 1:
        arrays = {name: model.hosts.broadcast_from_chief(array) for name, array in capture(model).items()}
        restore("the chief's numbers", model, arrays)


def _drop_later_best(directory, state):
    """Remove the best checkpoint where it has more epochs behind it than `state`; return whether it had."""
    if not directory.best_checkpoint.is_file():
        return False
    with directory.naming_damage(directory.best_checkpoint):
        later = len(read_checkpoint(directory.best_checkpoint)[1]["rows"]) > len(state["rows"])
    if later:
        directory.best_checkpoint.unlink()
    return later


def _newest(directory, good):
    """Return position, arrays and state of the newest checkpoint that is whole; None where there is none."""
    refusals, positions = [], directory.checkpointed()
    for position in reversed(positions):
        path = directory.checkpoint(*position)
        try:
            found = (position, *read_checkpoint(path))
        except UserError as refusal:
            refusals.append(refusal)
            continue
        if good and position != positions[0] and not good(*position):
            path.unlink()
            continue
        for refusal in refusals:
            log.warning("%s; going on from the checkpoint before", refusal)
        return found
    if refusals:
        with directory.naming_damage(directory.checkpoint(*positions[-1])):
            raise refusals[0]
    return None
