"""Where a run goes on: at its newest checkpoint that is whole."""

import logging

from kerasnets.errors import UserError
from kerasnets.training.checkpoint import read_checkpoint, restore

log = logging.getLogger("kerasnets")


def take_up(model, directory, listeners, diverged=False):
    """Put the newest checkpoint's numbers and state back, or save a first one.

    Args:
        model: the compiled `ReplicatedModel`.
        directory: the `RunDirectory`.
        listeners: the `Listeners`.
        diverged: remove what was saved amid bad steps, such as at an epoch's end, and go back to before them.

    Returns:
        (epoch, step) to go on from: epochs done, and steps done of the next one.

    Raises:
        UserError: there are checkpoints, but none is whole, or they are not this model's.
    """
    found = _newest(directory, diverged) if model.hosts.chief else None
    position = _agreed(model.hosts, found)
    if position is None:
        listeners.record.save_now()  # there is always one to go back to
        return 0, 0
    path = directory.checkpoint(*position)
    arrays, state = found[1:] if found else read_checkpoint(path)
    restore(path, model, arrays)
    listeners.resume(*position, state)
    model.hosts.agree(0)  # the chief writes there again only when all have read
    return position


def take_up_best(model, directory):
    """Give the model the numbers of the best epoch."""
    if directory.best.is_file():
        restore(directory.best, model, read_checkpoint(directory.best)[0])


def _newest(directory, diverged):
    """Return position, arrays and state of the newest checkpoint that is whole; None where there is none."""
    refusals, positions = [], directory.checkpointed()
    for position in reversed(positions):
        path = directory.checkpoint(*position)
        try:
            found = (position, *read_checkpoint(path))
        except UserError as refusal:
            refusals.append(refusal)
            continue
        if diverged and found[1]["step/bad_in_row"] and position != positions[0]:
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
