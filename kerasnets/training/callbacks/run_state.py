"""What a checkpoint keeps of a run besides the numbers of its model."""

import json
from collections.abc import Mapping
from typing import Any

from kerasnets.errors import UserError, reason
from kerasnets.training.callback_protocols import Stateful
from kerasnets.training.callbacks.early_stopping import EarlyStopping
from kerasnets.training.callbacks.epoch_history import EpochHistory


class RunState:
    """The state of the callbacks of a run, together.

    Args:
        history: of its epochs.
        early_stopping: knows the best of them.
        callbacks: the run's own with a state, by name.
        user_callbacks: the user's with a state, by name.

    Attributes:
        rescued: whether training has diverged and gone back once.
    """

    def __init__(
        self,
        history: EpochHistory,
        early_stopping: EarlyStopping,
        *,
        callbacks: Mapping[str, Stateful],
        user_callbacks: Mapping[str, Stateful],
    ):
        self._history, self._early_stopping = history, early_stopping
        self._callbacks, self._user_callbacks = callbacks, user_callbacks
        self.rescued = False

    def get_state(self) -> dict[str, Any]:
        """Return the state, as JSON can hold it.

        Raises:
            UserError: the state of a user's callback is nothing that JSON can hold.
        """
        return {
            "rows": self._history.rows,
            "steps": self._history.steps,
            **self._early_stopping.get_state(),
            "rescued": self.rescued,
            "callbacks": {name: callback.get_state() for name, callback in self._callbacks.items()},
            "user_callbacks": {
                name: _json_state(name, callback) for name, callback in self._user_callbacks.items()
            },
        }

    def go_on(self) -> None:
        """Let the callbacks go on where they are, although a training begins: an optimizer counts anew."""
        for callback in (*self._callbacks.values(), *self._user_callbacks.values()):
            callback.set_state(callback.get_state())

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned; a user's callback that was not there then starts anew."""
        self._history.rows, self._history.steps = list(state["rows"]), state["steps"]
        self._early_stopping.set_state(state)
        self.rescued = state["rescued"]
        for name, callback in self._callbacks.items():
            begun = {"step": self._history.steps}  # one that was not there then starts here
            callback.set_state(state["callbacks"].get(name, callback.get_state() | begun))
        for name in self._user_callbacks.keys() & state["user_callbacks"].keys():
            self._user_callbacks[name].set_state(state["user_callbacks"][name])


def _json_state(name: str, callback: Stateful) -> dict[str, Any]:
    state = callback.get_state()
    try:
        json.dumps(state)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"callbacks: {name}.get_state(): {reason(error)}; allowed: numbers, texts, lists and dictionaries"
        ) from error
    return state
