"""Hierarchical softmax: probabilities against products written out, and trees that are none."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasnets
from kerasnets.data.label_tree import label_tree_text, read_label_tree
from kerasnets.errors import UserError
from kerasnets.inference.fully_convolutional import fully_convolutional
from kerasnets.layers.label_tree import LabelTree, with_label_tree
from kerasnets.losses import example_loss
from kerasnets.weights.loading import load_weights

ANIMALS = """node,parent
thing,
animal,thing
dog,animal
terrier,dog
poodle,dog
cat,animal
car,thing
"""
CLASSES = ("car", "cat", "poodle", "terrier")
RNG = np.random.default_rng(0)


def _tree(tmp_path, text=ANIMALS, classes=CLASSES):
    (tmp_path / "tree.csv").write_text(text)
    return read_label_tree(tmp_path / "tree.csv", classes)


def _softmax(values):
    powers = np.exp(values - values.max())
    return powers / powers.sum()


def test_a_tree_is_read_without_its_only_root(tmp_path):
    tree = _tree(tmp_path)
    assert tree.names == ("animal", "dog", "terrier", "poodle", "cat", "car")
    assert tree.parents == (-1, 0, 1, 1, 0, -1)
    assert tree.leaves == (5, 4, 3, 2)
    several = _tree(tmp_path, "parent,node\n\n,dog\ndog,poodle\ndog,terrier\n,cat\n,car\n")
    assert several.names == ("dog", "poodle", "terrier", "cat", "car")
    assert several.parents == (-1, 0, 0, -1, -1)


def test_probabilities_are_products_of_softmaxes_among_siblings(tmp_path):
    tree = _tree(tmp_path)
    logits = RNG.normal(0, 4, (30, tree.nodes)).astype("float32")
    layer = LabelTree(tree.parents, tree.leaves)
    found = np.exp(layer(logits))
    for row, (animal, dog, terrier, poodle, cat, car) in zip(found, logits, strict=True):
        top, below, dogs = (
            _softmax(np.array(group)) for group in ([animal, car], [dog, cat], [terrier, poodle])
        )
        right = [top[1], top[0] * below[1], top[0] * below[0] * dogs[1], top[0] * below[0] * dogs[0]]
        np.testing.assert_allclose(row, right, rtol=1e-5)
    np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-6)
    assert layer.compute_output_shape((30, 6)) == (30, 4)


def test_a_flat_tree_is_the_plain_softmax():
    logits = RNG.normal(0, 4, (30, 5)).astype("float32")
    labels = np.eye(5, dtype="float32")[RNG.integers(0, 5, 30)]
    flat = LabelTree([-1] * 5, range(5))(logits)
    np.testing.assert_allclose(flat, tf.nn.log_softmax(logits), rtol=1e-5, atol=1e-6)
    for name in ("hierarchical_softmax", "categorical_crossentropy"):
        np.testing.assert_allclose(
            example_loss(name)(labels, flat), example_loss(name)(labels, logits), rtol=1e-4, atol=1e-6
        )


def test_the_loss_is_the_cross_entropy_down_the_path_and_so_is_its_gradient(tmp_path):
    tree = _tree(tmp_path)
    logits = tf.Variable(RNG.normal(0, 2, (4, tree.nodes)).astype("float32"))
    labels = np.eye(4, dtype="float32")  # car, cat, poodle, terrier
    with tf.GradientTape() as tape:
        losses = example_loss("hierarchical_softmax")(labels, LabelTree(tree.parents, tree.leaves)(logits))
    gradient = tape.gradient(losses, logits).numpy()
    index = {name: number for number, name in enumerate(tree.names)}
    paths = [["car"], ["animal", "cat"], ["animal", "dog", "poodle"], ["animal", "dog", "terrier"]]
    for row, path in enumerate(paths):
        loss, right = 0.0, np.zeros(tree.nodes)
        for node in path:
            parent = tree.parents[index[node]]
            siblings = [other for other in range(tree.nodes) if tree.parents[other] == parent]
            probabilities = _softmax(logits.numpy()[row, siblings])
            loss -= np.log(probabilities[siblings.index(index[node])])
            right[siblings] = probabilities
            right[index[node]] -= 1
        np.testing.assert_allclose(losses[row], loss, rtol=1e-5)
        np.testing.assert_allclose(gradient[row], right, rtol=1e-4, atol=1e-6)


def test_large_logits_are_no_overflow_and_half_precision_is_left(tmp_path):
    tree = _tree(tmp_path)
    layer = LabelTree(tree.parents, tree.leaves)
    output = layer(np.array([[3e4, -3e4, 100, 0, 3e4, -3e4]], "float16"))
    assert output.dtype == "float32"
    np.testing.assert_allclose(output, [[-6e4, 0, -6e4 - 100, -6e4]], rtol=2e-3)


def test_a_deep_chain_costs_nothing(tmp_path):
    """A node without siblings has the probability one, whatever its logit."""
    chain = "node,parent\na,\nb,a\nc,b\nleft,c\nright,c\n"
    tree = _tree(tmp_path, chain, ("left", "right"))
    logits = RNG.normal(0, 3, (5, tree.nodes)).astype("float32")
    found = LabelTree(tree.parents, tree.leaves)(logits)
    np.testing.assert_allclose(found, tf.nn.log_softmax(logits[:, -2:]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options", "shape", "outputs"),
    [("lenet5", {}, (32, 32, 1), 1), ("googlenet", {"auxiliary": True}, (224, 224, 3), 3)],
)
def test_every_output_of_a_network_becomes_classes(tmp_path, name, options, shape, outputs):
    tree = _tree(tmp_path)
    network = kerasnets.build(name, shape, tree.nodes, **options)
    whole = with_label_tree(network, tree)
    assert whole.name == name
    assert whole.count_params() == network.count_params()
    assert whole.layers[: len(network.layers)] == network.layers
    assert [output.shape for output in whole.outputs] == [(None, 4)] * outputs
    images = np.zeros((2, *shape), "float32")
    found = tf.nest.flatten(whole(images))
    right = [LabelTree(tree.parents, tree.leaves)(logits) for logits in tf.nest.flatten(network(images))]
    for ours, expected in zip(found, right, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5)


def test_a_saved_network_keeps_its_tree(tmp_path):
    whole = with_label_tree(kerasnets.build("lenet5", classes=6), _tree(tmp_path))
    whole.save(tmp_path / "model.keras")
    images = RNG.normal(size=(3, 32, 32, 1)).astype("float32")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(images), whole(images))


def test_a_network_with_a_tree_takes_published_weights_but_for_its_head(tmp_path):
    published = kerasnets.build("vgg11", (32, 32, 3), 10, units=8)
    published.save(tmp_path / "all.keras")
    whole = with_label_tree(kerasnets.build("vgg11", (32, 32, 3), 6, units=8), _tree(tmp_path))
    with pytest.raises(UserError, match="--new-head starts the classifier anew"):
        load_weights(whole, tmp_path / "all.keras")
    load_weights(whole, tmp_path / "all.keras", new_head=True)
    for layer in published.layers[:-1]:
        for ours, theirs in zip(whole.get_layer(layer.name).weights, layer.weights, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_a_network_with_a_tree_becomes_fully_convolutional(tmp_path):
    whole = with_label_tree(kerasnets.build("lenet5", classes=6), _tree(tmp_path))
    maps = fully_convolutional(whole)
    images = RNG.normal(size=(2, 36, 32, 1)).astype("float32")
    found = maps(images)
    assert found.shape == (2, 2, 1, 4)
    for row in (0, 1):
        right = whole(images[:, 4 * row : 4 * row + 32])
        np.testing.assert_allclose(found[:, row, 0], right, rtol=1e-4, atol=1e-5)


MISTAKES = {
    "other columns": ("name,parent\na,\n", "row 1: found columns 'name', 'parent', allowed: node, parent"),
    "empty": ("", "found an empty file, allowed: a table with a header"),
    "three cells": ("node,parent\ncar,,x\n", "row 2: found 3 cells, allowed: 2, as row 1 has"),
    "no name": ("node,parent\n,car\n", "row 2: found no node and parent"),
    "twice": (ANIMALS + "dog,thing\n", "row 9: found node 'dog', which row 4 names already"),
    "unknown parent": (
        ANIMALS.replace("dog,animal", "dog,anmal"),
        "row 4, parent: found 'anmal', allowed: a node of the file, or empty at the top; did you mean",
    ),
    "circle": (
        ANIMALS.replace("animal,thing", "animal,dog"),
        "row 3: found a circle of parents, 'animal' > 'dog' > 'animal', allowed: a tree",
    ),
    "own parent": (
        ANIMALS.replace("thing,\n", "thing,thing\n"),
        "row 2: found a circle of parents, 'thing' > ",
    ),
    "missing class": (
        ANIMALS.replace("poodle", "podle"),
        "found no node 'poodle', allowed: a leaf for every class; did you mean 'podle'",
    ),
    "class with children": (ANIMALS + "truck,car\n", "row 9: found the class 'car' as a parent"),
    "leaf without a class": (
        ANIMALS + "terier,dog\n",
        "row 9: found the leaf 'terier', allowed: classes of the data as leaves; did you mean 'terrier'",
    ),
    "quotes": ('node,parent\n"a"b,\n', "line 2: not readable as a table: ',' expected after '\"'"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_files_that_are_no_tree_of_the_classes(tmp_path, case):
    text, said = MISTAKES[case]
    with pytest.raises(UserError) as caught:
        _tree(tmp_path, text)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'tree.csv'}: ")
    assert said in message
    assert "\n" not in message


def test_a_tree_that_is_not_there_or_not_text(tmp_path):
    with pytest.raises(UserError, match="no such CSV file"):
        read_label_tree(tmp_path / "none.csv", CLASSES)
    (tmp_path / "bytes.csv").write_bytes(b"node,parent\n\x81,\n")
    with pytest.raises(UserError, match="found the byte 0x81 in line 2, allowed: text in UTF-8, UTF-16 or W"):
        read_label_tree(tmp_path / "bytes.csv", CLASSES)


def test_a_tree_that_a_spreadsheet_has_saved(tmp_path):
    names = {"poodle": "Pudel mit Ä", "car": "Käfer"}
    text, classes = ANIMALS, [names.get(name, name) for name in CLASSES]
    for name, other in names.items():
        text = text.replace(name, other)
    right = _tree(tmp_path, ANIMALS)
    text = text.replace("node,parent", "Node,Parent").replace(",", ";").replace("\n", "\r\n")
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "cp1252"):
        (tmp_path / "tree.csv").write_bytes(text.encode(encoding))
        found = read_label_tree(tmp_path / "tree.csv", classes)
        assert (found.parents, found.leaves) == (right.parents, right.leaves)
        (tmp_path / "again.csv").write_text(label_tree_text(tmp_path / "tree.csv"), encoding="utf-8")
        assert read_label_tree(tmp_path / "again.csv", classes) == found
