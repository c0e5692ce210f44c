"""Where a run goes on: at its newest checkpoint that is whole."""

import logging

from kerasnets.errors import UserError
from kerasnets.training.checkpoint import read_checkpoint, restore

log = logging.getLogger("kerasnets")


def take_up(model, directory, listeners, good=None):
    """Put the newest checkpoint's numbers and state back, or save a first one.

    Args:
        model: the compiled `ReplicatedModel`.
        directory: the `RunDirectory`.
        listeners: the `Listeners`.
        good: whether to go on from (epoch, step); the newest checkpoints where it says no are removed, and
            the best with them if it is later than what is gone back to. The oldest is always good enough.

    Returns:
        (epoch, step) to go on from: epochs done, and steps done of the next one.

    Raises:
        UserError: there are checkpoints, but none is whole, or they are not this model's.
    """
    found = _newest(directory, good) if model.hosts.chief else None
    position = _agreed(model.hosts, found)
    if position is None:
        listeners.record.save_now()  # there is always one to go back to
        return 0, 0
    path = directory.checkpoint(*position)
    arrays, state = found[1:] if found else read_checkpoint(path)
    restore(path, model, arrays)
    listeners.resume(*position, state)
    if good and model.hosts.chiefs(int(model.hosts.chief and _drop_later_best(directory, state))):
        listeners.record.forget_best()
    model.hosts.agree(0)  # the chief writes there again only when all have read
    return position


def take_up_best(model, directory):
    """Give the model the numbers of the best epoch."""
    if directory.best.is_file():
        restore(directory.best, model, read_checkpoint(directory.best)[0])


def _drop_later_best(directory, state):
    """Remove the best checkpoint where it has more epochs behind it than `state`; return whether it had."""
    later = directory.best.is_file() and len(read_checkpoint(directory.best)[1]["rows"]) > len(state["rows"])
    if later:
        directory.best.unlink()
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
        raise refusals[0]
    return None


def _agreed(hosts, found):
    """Return the chief's position on every host, or None where it has none."""
    epoch, step = map(hosts.chiefs, found[0] if found else (-1, -1))
    return None if epoch < 0 else (epoch, step)
