"""What the names in a PyTorch file's pickle stand for: markers, whatever the names are in Python."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kerasnets.weights.formats.tensors import Storage, Tensor

STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
"""PyTorch's storage types and their element types."""

ALLOWED_GLOBALS = {
    "argparse.Namespace",
    "collections.OrderedDict",
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch.nn.parameter.Parameter",
    "torch.Size",
    "torch.device",
    *(f"torch.{dtype}" for dtype in STORAGES.values()),
    *(f"torch.{name}" for name in STORAGES),
    *(f"torch.cuda.{name}" for name in STORAGES),
}
"""The only names that the pickle of a state dict, or of a checkpoint that holds one, may ask for."""


@dataclass(frozen=True, eq=False)
class Global:
    """A name the pickle asks for; only a marker."""

    name: str


class Namespace:
    """A training program's command line, which checkpoints hold; always empty here."""


def marker_of(argument: str) -> Global:
    """Return the marker of a global, given as "module name".

    Raises:
        ValueError: a name that is not one of `ALLOWED_GLOBALS`.
    """
    name = argument.replace(" ", ".", 1)
    if name not in ALLOWED_GLOBALS:
        raise ValueError(
            f"its pickle asks for {name[:80]!r}, allowed: tensors alone; "
            "save the state dict by itself: torch.save(model.state_dict(), ...)"
        )
    return Global(name)


def storage_of(identity: object) -> Storage:
    """Return the storage that a persistent id of torch.save describes.

    Raises:
        ValueError: an id of something else.
    """
    match identity:
        # a sixth field, the view of a storage, is None in all that torch writes since 0.4
        case ("storage", Global(name=name), str(key), str(), int(length), *view) if view in ([], [None]):
            dtype = STORAGES.get(name.rpartition(".")[2])
            if dtype is not None and length >= 0:
                return Storage(key, dtype, length)
    raise ValueError("found a persistent id that is no storage's")


def called(name: str, arguments: tuple) -> dict | Tensor | None:
    """Return what the call of a global makes: a dict, a tensor, or None for what a state dict does not need.

    Args:
        name: one of `ALLOWED_GLOBALS`.
        arguments: what the pickle calls it with.

    Raises:
        ValueError: a call that torch.save does not write.
    """
    match name.rpartition(".")[2], arguments:
        case "OrderedDict", ():
            return {}
        case "OrderedDict", (list(pairs),):  # Python 2 wrote it so
            made: dict[Any, Any] = {}
            fill(made, (checked_type(pair, list, tuple) for pair in pairs))
            pairs.clear()  # or one long list, named again and again, would make as many long dicts
            return made
        case "_rebuild_tensor", (Storage() as storage, offset, tuple(size), tuple(stride)):
            return Tensor(storage, offset, size=size, stride=stride)
        case "_rebuild_tensor_v2", (Storage() as storage, offset, tuple(size), tuple(stride), _, _, *flags):
            if not any(flags):  # negated or conjugated elements
                return Tensor(storage, offset, size=size, stride=stride)
        case "_rebuild_parameter" | "_rebuild_parameter_with_state" | "Parameter", (Tensor() as tensor, *_):
            return tensor
        case "Size" | "device", _:
            return None
    raise ValueError(f"its pickle calls {name} in a way that torch.save does not")


def made_new(name: str, arguments: tuple) -> Namespace:
    """Return what the global `name`, made without a call of its constructor, stands for.

    Raises:
        ValueError: anything but a new `argparse.Namespace`.
    """
    if name != "argparse.Namespace" or arguments:
        raise ValueError(f"its pickle makes {name} in a way that torch.save does not")
    return Namespace()


def checked_type(value: Any, *types: type) -> Any:
    """Return the value.

    Raises:
        ValueError: the value is of none of the types.
    """
    if type(value) not in types:
        raise ValueError(f"the pickle changes {kind_of(type(value))}, allowed: {kind_of(*types)}")
    return value


def fill(target: dict, pairs: Iterable) -> None:
    """Set keys of a dictionary.

    Raises:
        ValueError: a key that is neither text nor a number: a nested tuple can take for ever to hash.
    """
    for key, value in pairs:
        if type(key) not in (str, int, float, bool):
            raise ValueError(f"found {kind_of(type(key))} as a key, allowed: text and numbers")
        target[key] = value


def kind_of(*types: type) -> str:
    """Return the types' names as messages write them."""
    return " or ".join(each.__name__.lower() for each in types)
