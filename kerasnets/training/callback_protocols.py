"""What a callback may offer beyond Keras's methods; the run asks by `isinstance`."""

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class HasBoundaries(Protocol):
    """A callback that wants to be called at certain steps, although several steps run at a time."""

    def next_boundary(self, step: int) -> float:
        """Return the first step above `step` before which the callback has to be called.

        Args:
            step: optimizer steps of the run so far.

        Returns:
            A whole number, or infinity for none.
        """


@runtime_checkable
class Stateful(Protocol):
    """A callback that goes on in a resumed run where it was."""

    def get_state(self) -> dict[str, Any]:
        """Return what a resumed run needs, as JSON can hold it."""

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned."""
