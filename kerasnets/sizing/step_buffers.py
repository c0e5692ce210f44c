"""The buffers of one training step, as intervals of time.

Layer i of n runs forward at moment i and backward at moment 2n - i; at moment 2n + 1 all weights are updated
together, because all gradients are checked before. A buffer is counted from the moment that makes it to the
last moment that reads it.
"""

import math

import keras
import numpy as np
import pandas as pd
from keras import layers

from kerasnets.sizing.layers import parameter_count
from kerasnets.sizing.optimizer_memory import OptimizerMemory
from kerasnets.sizing.receptive_field import as_list
from kerasnets.sizing.saved_for_backward import (
    ADDS,
    IN_PLACE,
    VIEWS,
    has_inline_activation,
    keeps,
    private_bytes,
)


class StepBuffers:
    """The buffers of a step for one image, as (first moment, last moment, bytes) by column.

    Args:
        model: a functional model.
        width: bytes of an activation.
        forward: whether to count a forward pass alone, which keeps nothing for a backward pass.
    """

    def __init__(self, model: keras.Model, width: int, *, forward: bool = False):
        self.forward = forward
        self.operations = list(model.operations)
        self.width = width
        self.end = 2 * len(self.operations)
        columns = ("gradients", "activations", "activation_gradients")
        self.buffers: dict[str, list[tuple[int, int, int]]] = {column: [] for column in columns}
        self.made: dict[int, int] = {}
        self.users: dict[int, list[int]] = {}
        self.whole: dict[int, int] = {}
        for index, operation in enumerate(self.operations):
            for tensor in as_list(operation.output):
                self.made[id(tensor)] = index
                # a reshaped tensor shares the memory of its source
                source = as_list(operation.input)[0] if isinstance(operation, VIEWS) else None
                self.whole[id(tensor)] = self.whole.get(id(source), id(tensor))
            if not isinstance(operation, layers.InputLayer):
                for tensor in as_list(operation.input):
                    self.users.setdefault(id(tensor), []).append(index)

    def backward(self, index: int) -> int:
        """Return the moment of an operation's backward pass."""
        return self.end - index

    def add(self, column: str, first: int, last: int, *, size: float) -> None:
        """Count `size` bytes from the moment `first` to the moment `last`."""
        self.buffers[column].append((first, last, math.ceil(size)))

    def add_parameters(self, held: OptimizerMemory) -> None:
        """Count weight gradients, the optimizer's temporaries, and weights cast to the precision."""
        updated = self.end + 1
        counts = [parameter_count(getattr(each, "trainable_weights", ())) for each in self.operations]
        for index, count in enumerate(counts):
            ready = self.backward(index)
            self.add("gradients", ready, updated, size=4 * count)
            self.add("gradients", updated, updated, size=4 * held.ahead * count)
            if self.width < 4:
                self.add("gradients", 0, ready, size=self.width * count)
                self.add("gradients", ready, ready, size=self.width * count)
        self.add("gradients", updated, updated, size=4 * held.update * max(counts, default=0))

    def add_activations(self) -> None:
        """Count outputs of layers, until the last moment that reads them, forward or backward."""
        last: dict[int, int] = {}
        sizes: dict[int, tuple[int, int]] = {}
        for index, operation in enumerate(self.operations):
            inputs = [] if isinstance(operation, layers.InputLayer) else as_list(operation.input)
            keeps_input, keeps_output = (False, False) if self.forward else keeps(operation)
            for tensor in inputs:
                until = self.backward(index) if keeps_input else index - isinstance(operation, IN_PLACE)
                whole = self.whole[id(tensor)]
                last[whole] = max(last[whole], until)
            for tensor in as_list(operation.output):
                whole = self.whole[id(tensor)]
                # the inline activation's gradient comes first, in place
                until = self.backward(index) - has_inline_activation(operation) if keeps_output else index
                last[whole] = max(last.get(whole, 0), until)
                sizes.setdefault(whole, (index, _floats(tensor)))
            if not self.forward:
                kept = private_bytes(operation) * _floats(as_list(operation.output)[0])
                self.add("activations", index, self.backward(index), size=kept)
        for whole, (index, floats) in sizes.items():
            width = 4 if isinstance(self.operations[index], layers.InputLayer) else self.width
            self.add("activations", index, last[whole], size=width * floats)

    def add_activation_gradients(self) -> None:
        """Count gradients of outputs, from the first contribution until the layer's own backward pass."""
        for operation in reversed(self.operations):
            for tensor in as_list(operation.output):
                if isinstance(operation, layers.InputLayer):
                    continue
                self._add_gradient(tensor, self.backward(self.made[id(tensor)]))

    def _add_gradient(self, tensor: keras.KerasTensor, done: int) -> None:
        users = sorted(self.users.get(id(tensor), []), reverse=True)
        size = self.width * _floats(tensor)
        if not users:
            self.add("activation_gradients", done, done, size=size)
            return
        summed = self.backward(users[-1])
        for position, user in enumerate(users):
            operation = self.operations[user]
            # the input of an addition that lives longest takes over its gradient, which the others share
            if isinstance(operation, ADDS):
                inputs = as_list(operation.input)
                heir = min(inputs, key=lambda each: self.made[id(each)])
                if heir is not tensor:
                    continue
            last = done if position == 0 else summed
            last -= isinstance(self.operations[self.made[id(tensor)]], IN_PLACE)
            self.add("activation_gradients", self.backward(user), last, size=size)

    def table(self) -> pd.DataFrame:
        """Return the bytes of all buffers at each moment, a row for each."""
        moments = np.arange(self.end + 2)
        forward, update = moments < len(self.operations), moments > self.end
        indices = np.where(forward, moments, np.maximum(self.end - moments, 0))
        names = [each.name for each in self.operations]
        table = pd.DataFrame(
            {
                "layer": [names[min(index, len(names) - 1)] for index in indices],
                "direction": np.select([forward, update], ["forward", "update"], "backward"),
            }
        )
        for column, buffers in self.buffers.items():
            change = np.zeros(self.end + 3, "int64")
            for first, last, size in buffers:
                if last >= first:
                    change[first] += size
                    change[last + 1] -= size
            table[column] = np.cumsum(change)[:-1]
        return table


def _floats(tensor: keras.KerasTensor) -> int:
    return math.prod(tensor.shape[1:])
