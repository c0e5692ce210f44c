"""The program that a PyTorch file's pickle is, run without importing or calling anything it asks for.

The interpreter knows the few instructions that torch.save writes for a state dict or a checkpoint; they make
dicts, lists, tuples, numbers, text, tensors and markers. Nested values are never hashed, compared or printed.
"""

import itertools
import pickletools

from kerasnets.weights.formats.pickle_names import (
    Global,
    Namespace,
    called,
    fill,
    made_new,
    named,
    only,
    storage_of,
)
from kerasnets.weights.formats.tensors import Tensor

MOST_INSTRUCTIONS = 2**20
LONGEST_PICKLE = 2**24
"""Some 30 instructions and 150 bytes a tensor: 35000 tensors fit, and a crafted pickle fills no memory."""

LITERALS = {
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINSTRING",
}  # fmt: skip
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
EMPTY = {"EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
"""Instructions of protocol 2, by the names that pickletools gives them."""


def unpickled(stream):
    """Run the pickle that `stream` stands at, and leave it behind the pickle.

    Returns:
        The object it makes, and the storages it names, by key.

    Raises:
        ValueError: the pickle asks for more than a state dict needs, or has more than `MOST_INSTRUCTIONS`.
        EOFError, IndexError, KeyError, OverflowError, struct.error: a damaged pickle.
    """
    stack, marks, memo, storages = [], [], {}, {}

    def since_mark():
        return _popped(stack, len(stack) - marks.pop())

    for instruction, argument, _ in itertools.islice(pickletools.genops(stream), MOST_INSTRUCTIONS):
        name = instruction.name
        if name in LITERALS:
            stack.append(argument)
        elif name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name in EMPTY:
            stack.append(EMPTY[name]())
        elif name in TUPLES:
            stack.append(tuple(_popped(stack, TUPLES[name])))
        elif name == "TUPLE":
            stack.append(tuple(since_mark()))
        elif name == "MARK":
            marks.append(len(stack))
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name in ("APPEND", "APPENDS"):
            items = since_mark() if name == "APPENDS" else _popped(stack, 1)
            only(stack[-1], list).extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = since_mark() if name == "SETITEMS" else _popped(stack, 2)
            fill(only(stack[-1], dict), zip(items[::2], items[1::2], strict=True))
        elif name == "GLOBAL":
            stack.append(named(argument))
        elif name == "BINPERSID":
            storage = storage_of(stack.pop())
            if storages.setdefault(storage.key, storage) != storage:
                raise ValueError(f"two storages of the name {storage.key[:80]!r}")
            stack.append(storage)
        elif name in ("REDUCE", "NEWOBJ"):
            function, arguments = _popped(stack, 2)
            make = called if name == "REDUCE" else made_new
            stack.append(make(only(function, Global).name, only(arguments, tuple)))
        elif name == "BUILD":
            stack.pop()  # a dict's _metadata, a parameter's requires_grad, a command line: not for us
            only(stack[-1], dict, Tensor, Namespace)
        elif name == "STOP":
            return stack.pop(), storages
        elif name != "PROTO":
            raise ValueError(f"found the pickle instruction {name}, allowed: those of torch.save")
    raise ValueError(f"more than {MOST_INSTRUCTIONS} pickle instructions")


def _popped(stack, count):
    """Take the last `count` values off the stack, and return them in order."""
    if not 0 <= count <= len(stack):
        raise ValueError("the pickle takes more values than it gave")
    values = stack[len(stack) - count :]
    del stack[len(stack) - count :]
    return values
