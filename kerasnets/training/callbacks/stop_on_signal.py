"""Where a signal stops training: after a step, or after a batch of an evaluation."""

import keras

from kerasnets.training.distribution.hosts import Hosts
from kerasnets.training.signals import StopSignals


class StopOnSignal(keras.callbacks.Callback):
    """Raise `StoppedError` on all hosts, at the same step, where one of them has received a signal.

    Comes after the callback that saves, which then knows where the run stands.

    Args:
        hosts: those that train together.
        signals: what this host has received.
    """

    def __init__(self, hosts: Hosts, signals: StopSignals):
        super().__init__()
        self._hosts, self._signals = hosts, signals

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Stop, where a signal was received."""
        self._stop()

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Stop, where a signal was received."""
        self._stop()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Stop, where a signal was received."""
        self._stop()

    def _stop(self) -> None:
        self._signals.check(int(self._hosts.all_reduce_sum(self._signals.received)))
