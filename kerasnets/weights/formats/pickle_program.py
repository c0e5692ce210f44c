"""The program that a PyTorch file's pickle is, run without importing or calling anything it asks for.

The interpreter knows the few instructions that torch.save writes for a state dict or a checkpoint; they make
dicts, lists, tuples, numbers, text, tensors and markers. Nested values are never hashed, compared or printed.

Python's own `pickle.Unpickler` with a restricted `find_class` does not do: without asking for any name, 9
bytes make its memo take 2.1 GB, and a dictionary key of some 250 bytes hashes for longer than anybody waits.
"""

import itertools
import pickletools
from typing import Any, BinaryIO

from kerasnets.weights.formats.pickle_names import (
    Global,
    Namespace,
    called,
    checked_type,
    fill,
    made_new,
    marker_of,
    storage_of,
)
from kerasnets.weights.formats.tensors import Storage, Tensor

MOST_INSTRUCTIONS = 2**20
LONGEST_PICKLE = 2**24
"""Some 30 instructions and 150 bytes a tensor: 35000 tensors fit, and a crafted pickle fills no memory."""

CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
EMPTY: dict[str, type] = {"EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
"""Instructions of protocol 2, by the names that pickletools gives them."""


def unpickled(stream: BinaryIO) -> tuple[Any, dict[str, Storage]]:
    """Run the pickle that `stream` stands at, and leave the stream behind the pickle.

    Returns:
        The object it makes, and the storages it names, by key.

    Raises:
        ValueError: the pickle asks for more than a state dict needs, or has more than `MOST_INSTRUCTIONS`.
        EOFError, IndexError, KeyError, OverflowError, struct.error: a damaged pickle.
    """
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}
    storages: dict[str, Storage] = {}
    argument: Any

    def popped(count: int) -> list[Any]:
        """Take the last `count` values off the stack, and return them in order."""
        if not 0 <= count <= len(stack):
            raise ValueError("the pickle takes more values than it gave")
        values = stack[len(stack) - count :]
        del stack[len(stack) - count :]
        return values

    def popped_to_mark() -> list[Any]:
        return popped(len(stack) - marks.pop())

    for instruction, argument, _ in itertools.islice(pickletools.genops(stream), MOST_INSTRUCTIONS):
        match name := instruction.name:
            case "PROTO":
                pass
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT" | "BINUNICODE" | "SHORT_BINSTRING":
                stack.append(argument)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append(CONSTANTS[name])
            case "EMPTY_TUPLE" | "EMPTY_LIST" | "EMPTY_DICT":
                stack.append(EMPTY[name]())
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(tuple(popped(TUPLES[name])))
            case "TUPLE":
                stack.append(tuple(popped_to_mark()))
            case "MARK":
                marks.append(len(stack))
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "APPEND" | "APPENDS":
                items = popped_to_mark() if name == "APPENDS" else popped(1)
                checked_type(stack[-1], list).extend(items)
            case "SETITEM" | "SETITEMS":
                items = popped_to_mark() if name == "SETITEMS" else popped(2)
                fill(checked_type(stack[-1], dict), zip(items[::2], items[1::2], strict=True))
            case "GLOBAL":
                stack.append(marker_of(argument))
            case "BINPERSID":
                storage = storage_of(stack.pop())
                if storages.setdefault(storage.key, storage) != storage:
                    raise ValueError(f"two storages of the name {storage.key[:80]!r}")
                stack.append(storage)
            case "REDUCE" | "NEWOBJ":
                function, arguments = popped(2)
                make = called if name == "REDUCE" else made_new
                stack.append(make(checked_type(function, Global).name, checked_type(arguments, tuple)))
            case "BUILD":
                stack.pop()  # a dict's _metadata, a parameter's requires_grad, a command line: not needed
                checked_type(stack[-1], dict, Tensor, Namespace)
            case "STOP":
                return stack.pop(), storages
            case _:
                raise ValueError(f"found the pickle instruction {name}, allowed: those of torch.save")
    raise ValueError(f"more than {MOST_INSTRUCTIONS} pickle instructions")
