"""history.csv of a run: a row an epoch."""

from kerasnets.errors import UserError
from kerasnets.files.tables import read_table


def read_history(path):
    """Return history.csv as a DataFrame, one row an epoch; values are exactly those recorded.

    Raises:
        UserError: it is not what a run writes.
    """
    history = read_table(path, ("epoch", "loss"))
    if list(history.epoch) != list(range(1, len(history) + 1)):
        raise UserError(f"{path}: epoch: found other numbers than 1 to {len(history)}, in this order")
    return history
