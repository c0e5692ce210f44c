"""Hierarchical softmax: the layer that makes probabilities of a tree over the classes."""

import keras
import numpy as np
from keras import layers, ops

NEVER = -1e30  # a logit whose exponential is zero; minus infinity has no gradient


@keras.saving.register_keras_serializable("kerasnets")
class LabelTree(layers.Layer):
    """Give the log probabilities of a tree's leaves: a softmax among siblings, their product down a path.

    Goodman 2001 ("Classes for Fast Maximum Entropy Training"); Redmon 2016, YOLO9000, section 4, WordTree.
    The softmax of the output is the output's exponential, so that it stands for logits of a plain softmax:
    the cross-entropy of the two is the same. Computed in float32 unless `dtype` says otherwise.

    Args:
        parents: for each node the index of its parent, or -1 at the top.
        leaves: for each class the index of its node.

    Shapes: (N, nodes) to (N, classes), or maps (N, H, W, nodes) to (N, H, W, classes). No parameters.
    """

    def __init__(self, parents, leaves, **kwargs):
        super().__init__(**({"dtype": "float32"} | kwargs))
        self.parents, self.leaves = list(parents), list(leaves)
        tops = sorted(set(self.parents))
        self._group = np.array([tops.index(parent) for parent in self.parents], "int32")
        nodes = range(len(self.parents))
        self._siblings = _rows(([n for n in nodes if self.parents[n] == top] for top in tops), len(nodes))
        self._paths = _rows((_path(self.parents, leaf) for leaf in self.leaves), len(nodes))

    def call(self, logits):
        """Return the log probabilities."""
        one_more = [(0, 0)] * (len(logits.shape) - 1) + [(0, 1)]  # where the index arrays are filled up
        padded = ops.pad(logits, one_more, constant_values=NEVER)
        totals = ops.logsumexp(ops.take(padded, self._siblings, axis=-1), axis=-1)
        given_parent = logits - ops.take(totals, self._group, axis=-1)
        padded = ops.pad(given_parent, one_more)
        return ops.sum(ops.take(padded, self._paths, axis=-1), axis=-1)

    def compute_output_shape(self, input_shape):
        """Return the input's shape with the classes in place of the nodes."""
        return (*input_shape[:-1], len(self.leaves))

    def get_config(self):
        """Return the arguments of this layer."""
        return super().get_config() | {"parents": list(self.parents), "leaves": list(self.leaves)}


def _path(parents, node):
    return [] if node < 0 else [*_path(parents, parents[node]), node]


def _rows(lists, filler):
    """Return index lists as one array, the short ones filled up."""
    lists = list(lists)
    longest = max(map(len, lists))
    return np.array([[*each, *[filler] * (longest - len(each))] for each in lists], "int32")


def with_label_tree(network, tree):
    """Return a network whose every output, logits (N, nodes), is made log probabilities (N, classes).

    Args:
        network: a functional `keras.Model`.
        tree: a `kerasnets.data.label_tree.Tree`.
    """
    names = [f"label_tree_{index}" if index else "label_tree" for index in range(len(network.outputs))]
    outputs = [
        LabelTree(tree.parents, tree.leaves, name=name)(logits)
        for name, logits in zip(names, network.outputs, strict=True)
    ]
    return keras.Model(network.input, outputs if len(outputs) > 1 else outputs[0], name=network.name)
