"""Hierarchical softmax: the layer that gives the classes their probabilities from a tree over them."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import layers, ops

if TYPE_CHECKING:
    from kerasnets.data.label_tree import Tree

NEVER = -1e30
"""A logit whose exponential is zero; minus infinity would have no gradient."""


@keras.saving.register_keras_serializable("kerasnets")
class LabelTree(layers.Layer):
    """Give the log probabilities of a tree's leaves: a softmax among siblings, multiplied along each path.

    Goodman 2001 ("Classes for Fast Maximum Entropy Training"); Redmon 2016, YOLO9000, section 4, WordTree.
    The softmax of the output is the output's exponential, so the output can take the place of logits: the
    cross-entropy of the softmax is that of the tree. Computed in float32 unless `dtype` says otherwise.

    Args:
        parents: for each node the index of its parent, or -1 at the top.
        leaves: for each class the index of its node.

    Shapes: (N, nodes) to (N, classes), or maps (N, H, W, nodes) to (N, H, W, classes). No parameters.
    """

    def __init__(self, parents: Sequence[int], leaves: Sequence[int], **kwargs: Any):
        super().__init__(**({"dtype": "float32"} | kwargs))
        self.parents, self.leaves = list(parents), list(leaves)
        tops = sorted(set(self.parents))
        self._group = np.array([tops.index(parent) for parent in self.parents], "int32")
        nodes = range(len(self.parents))
        self._siblings = _rows(([n for n in nodes if self.parents[n] == top] for top in tops), len(nodes))
        self._paths = _rows((_path(self.parents, leaf) for leaf in self.leaves), len(nodes))

    def call(self, logits: keras.KerasTensor) -> keras.KerasTensor:
        """Return the log probabilities of the classes."""
        one_more = [(0, 0)] * (len(logits.shape) - 1) + [(0, 1)]  # where filled up rows point
        padded = ops.pad(logits, one_more, constant_values=NEVER)
        totals = ops.logsumexp(ops.take(padded, self._siblings, axis=-1), axis=-1)
        given_parent = logits - ops.take(totals, self._group, axis=-1)
        padded = ops.pad(given_parent, one_more)
        return ops.sum(ops.take(padded, self._paths, axis=-1), axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape with the classes in place of the nodes."""
        return (*input_shape[:-1], len(self.leaves))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of this layer."""
        return super().get_config() | {"parents": list(self.parents), "leaves": list(self.leaves)}


def _path(parents: Sequence[int], node: int) -> list[int]:
    """Return the nodes from the top down to `node`."""
    return [] if node < 0 else [*_path(parents, parents[node]), node]


def _rows(lists: Iterable[Iterable[int]], filler: int) -> np.ndarray:
    """Return lists of indices as one array, the short ones filled up with `filler`."""
    rows = [list(each) for each in lists]
    longest = max(map(len, rows))
    return np.array([row + [filler] * (longest - len(row)) for row in rows], "int32")


def with_label_tree(network: keras.Model, tree: "Tree") -> keras.Model:
    """Return a network whose outputs, logits (N, nodes), have become log probabilities (N, classes).

    Args:
        network: a functional model whose outputs have a logit for each node of the tree.
        tree: over the classes.
    """
    names = [f"label_tree_{index}" if index else "label_tree" for index in range(len(network.outputs))]
    outputs = [
        LabelTree(tree.parents, tree.leaves, name=name)(logits)
        for name, logits in zip(names, network.outputs, strict=True)
    ]
    return keras.Model(network.input, outputs if len(outputs) > 1 else outputs[0], name=network.name)
