"""State dicts as people save them: inside a checkpoint, and under the names of a network in a wrapper."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

from kerasnets.errors import UserError
from kerasnets.weights.formats.pickle_names import kind_of
from kerasnets.weights.formats.tensors import Tensor

RAW = ("state_dict", "model_state_dict", "model", "net", "network", "module")
AVERAGED = ("state_dict_ema", "model_ema", "ema_state_dict", "model_ema_state_dict", "ema")
"""Keys that a checkpoint holds its state dict under: timm's, torchvision's, PyTorch's tutorials'."""

DEEPEST = 3
"""How many keys may lie one inside the other."""

SHOWN = 4
"""How many things a message lists."""

WRAPPERS = re.compile(r"(?:(?:_orig_mod|module|model|net|network|backbone)\.)+")
"""What torch.compile, DataParallel, Lightning's modules and detectors put before the names."""


@dataclass(frozen=True)
class Found:
    """A state dict in a checkpoint.

    Attributes:
        place: the keys that lead to it, with dots between.
        averaged: whether it is an average of the weights.
        tensors: by name.
    """

    place: str
    averaged: bool
    tensors: dict[str, Tensor]

    def __str__(self) -> str:
        return f"{self.place} ({len(self.tensors)} tensors)"


def find_state_dict(path: str | PathLike[str], root: Any) -> tuple[dict[str, Tensor], str]:
    """Return the one state dict that a checkpoint is or holds, and a phrase that says which one it is.

    An average of the weights is preferred to the weights themselves, as in timm's `load_checkpoint`.

    Args:
        path: the file, for messages.
        root: what its pickle made.

    Returns:
        Tensors by name; the phrase is empty where the file holds the state dict alone.

    Raises:
        ValueError: no state dict.
        UserError: several, none of which is preferred.
    """
    found = list({id(each.tensors): each for each in _candidates(root)}.values())
    chosen = [each for each in found if each.averaged] or found
    if not chosen:
        return _refused(root), ""
    if len(chosen) > 1:
        raise UserError(
            f"{path}: found {len(chosen)} state dicts: {_listed(chosen)}, allowed: one; "
            "save the one that is meant by itself: torch.save(state_dict, ...)"
        )
    others = [each for each in found if each is not chosen[0]]
    beside = f", not {_listed(others)}" if others else ""
    return chosen[0].tensors, f"{chosen[0]} taken{beside}" if chosen[0].place else ""


def _candidates(value: Any, place: tuple[str, ...] = (), averaged: bool = False) -> Iterator[Found]:
    if type(value) is not dict or not value or len(place) > DEEPEST:
        return
    if all(type(name) is str and type(each) is Tensor for name, each in value.items()):
        yield Found(".".join(place), averaged, value)
        return
    for key in (*RAW, *AVERAGED):
        yield from _candidates(value.get(key), (*place, key), averaged or key in AVERAGED)


def _refused(value: Any, depth: int = 0) -> dict[str, Tensor]:
    """Raise ValueError with what was found in place of a state dict; return an empty one."""
    if type(value) is not dict:
        raise ValueError(f"found {kind_of(type(value))}, allowed: a state dict, tensors by name")
    for key in (*RAW, *AVERAGED):
        if type(value.get(key)) is dict and depth < DEEPEST:
            return _refused(value[key], depth + 1)
    for name, each in value.items():
        if type(name) is not str or type(each) is not Tensor:
            raise ValueError(
                f"found {kind_of(type(each))} under {str(name)[:80]!r}, allowed: a state dict, "
                f"tensors by name, alone or under {', '.join((*RAW, *AVERAGED))}"
            )
    return value


def unwrapped_names(path: str | PathLike[str], state: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return a state dict without what wrappers put before its names, and a phrase that says what that was.

    Args:
        path: the file, for messages.
        state: arrays by name.

    Raises:
        UserError: two tensors would have one name.
    """
    bare: dict[str, Any] = {}
    wrapped: dict[str, str] = {}
    for name, array in state.items():
        wrapper = match[0] if (match := WRAPPERS.match(name)) else ""
        ours = name.removeprefix(wrapper)
        if ours in bare:
            raise UserError(
                f"{path}: found two tensors for {ours[:80]!r}: {(wrapped[ours] + ours)[:80]!r} and "
                f"{name[:80]!r}, allowed: the weights of one network"
            )
        bare[ours], wrapped[ours] = array, wrapper
    taken_off = dict.fromkeys(wrapper[:80] for wrapper in wrapped.values() if wrapper)
    return bare, f"{_listed(taken_off)} taken off the names" if taken_off else ""


def _listed(things: Iterable[object]) -> str:
    things = list(things)
    more = f" and {len(things) - SHOWN} more" if len(things) > SHOWN else ""
    return ", ".join(map(str, things[:SHOWN])) + more
