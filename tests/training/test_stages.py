"""Training in stages: which layers a deeper network takes from an earlier run, and what is refused."""

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from sweep import sweep
from undiagnosed import UNDIAGNOSED

import kerasnets
from kerasnets.errors import UserError
from kerasnets.initializers import initialize
from kerasnets.recipe import load_recipe
from kerasnets.training.setup.warm_start import copy_layers

OF_NET_A = ["conv1_1", "conv2_1", "conv3_1", "conv3_2", "fc6", "fc7", "fc8"]
"""Simonyan 2014, section 3.1: the first four convolutions and the three dense layers."""

TINY = (
    "data.source=npz", "data.validation=0.0", "train.epochs=1", "train.batch_size=4", "augment=[]",
    "preprocess=[{op='scale'}]", *UNDIAGNOSED,
)  # fmt: skip


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Train a recipe of some network on ten images of 32x32; return its run directory."""
    folder = tmp_path_factory.mktemp("stages")
    images = np.random.default_rng(0).integers(0, 256, (10, 32, 32, 3), "uint8")
    labels = np.arange(10) % 2
    np.savez(
        folder / "images.npz", x_train=images[:8], y_train=labels[:8], x_test=images[8:], y_test=labels[8:]
    )

    def run(name, *overrides):
        data = f"data.path={folder / 'images.npz'}"
        recipe = load_recipe("lenet5-digits", [*TINY, data, f"model.name={name}", *overrides])
        return kerasnets.train(recipe, folder / f"run{len(list(folder.iterdir()))}")

    return run


@pytest.fixture(scope="session")
def net_a(tiny):
    return tiny("vgg11", "model.options.units=16")


@pytest.fixture(scope="session")
def residual(tiny):
    return tiny("resnet_cifar", "model.options.depth=8")


def _weights(network):
    return {layer.name: layer.get_weights() for layer in network.layers if layer.weights}


def _same(found, wanted):
    return all(np.array_equal(one, other) for one, other in zip(found, wanted, strict=True))


def _of_run(run):
    return keras.models.load_model(run / "model.keras", compile=False)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", sweep(["vgg13", "vgg16"], quick=["vgg16"]))
def test_the_layers_the_paper_names_start_a_deeper_vgg(net_a, name):
    network = kerasnets.build(name, (32, 32, 3), 2, units=16)
    drawn, source = _weights(network), _weights(_of_run(net_a))
    assert copy_layers(network, net_a, OF_NET_A) == OF_NET_A
    for layer, values in _weights(network).items():
        assert _same(values, source[layer] if layer in OF_NET_A else drawn[layer]), layer
    assert not _same(source["fc6"], drawn["fc6"])


def test_by_default_every_layer_of_the_same_name_and_shapes_is_copied(net_a):
    # other units: fc6 to fc8 do not fit; vgg11's second convolutions of the last stages do
    network = kerasnets.build("vgg13", (32, 32, 3), 2, units=24)
    assert copy_layers(network, net_a) == [
        "conv1_1", "conv2_1", "conv3_1", "conv3_2", "conv4_1", "conv4_2", "conv5_1", "conv5_2",
    ]  # fmt: skip


def test_statistics_of_batch_normalization_are_copied_too(residual):
    network = kerasnets.build("resnet_cifar", (32, 32, 3), 2, depth=14)
    copied, source = copy_layers(network, residual), _of_run(residual)
    norms = [name for name in copied if isinstance(source.get_layer(name), keras.layers.BatchNormalization)]
    assert len(norms) >= 3
    for name in norms:
        mine, other = network.get_layer(name), source.get_layer(name)
        np.testing.assert_array_equal(mine.moving_mean, other.moving_mean)
        np.testing.assert_array_equal(mine.moving_variance, other.moving_variance)
        assert np.abs(other.moving_mean).max() > 0, "the run has moved them"


def test_a_recipe_starts_from_a_run(net_a, tiny):
    overrides = ["model.options.units=16"]
    overrides += ["optimizer.learning_rate=1e-12", f"initialization.from_run={net_a}"]
    named = f"initialization.from_layers={OF_NET_A!r}".replace("'", '"')
    staged = _weights(_of_run(tiny("vgg13", *overrides, named)))
    drawn = kerasnets.build("vgg13", (32, 32, 3), 2, units=16)
    initialize(drawn, "glorot_uniform", "zeros", seed=0)
    drawn, source = _weights(drawn), _weights(_of_run(net_a))
    for layer, values in staged.items():
        wanted = source[layer] if layer in OF_NET_A else drawn[layer]
        for found, right in zip(values, wanted, strict=True):
            np.testing.assert_allclose(found, right, atol=1e-7, err_msg=layer)


def test_every_replica_gets_the_copies(residual):
    strategy = tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(2)])
    with strategy.scope():
        network = kerasnets.build("resnet_cifar", (32, 32, 3), 2, depth=8)
        copy_layers(network, residual)
    source = _weights(_of_run(residual))
    for layer in network.layers:
        for variable, right in zip(layer.weights, source.get(layer.name, []), strict=True):
            for value in strategy.experimental_local_results(variable.value):
                np.testing.assert_array_equal(value, right)


@pytest.mark.parametrize(
    ("name", "layers", "said"),
    [
        ("vgg13", ["conv1_2"], r"found layer 'conv1_2', which .*\(vgg11\) does not have.*, allowed: layers"),
        ("vgg13", ["conv9_1"], "found layer 'conv9_1', which vgg13 does not have .*; did you mean 'conv"),
        ("vgg13", ["pool1"], "found layer 'pool1', which vgg13 does not have with weights"),
        ("vgg13", ["conv1_1", "fc8"], "layer fc8: found kernel 16x2, bias 2 in .*, allowed: kernel 24x2"),
        ("lenet5", [], "found no layer of its vgg11 that lenet5 has with the same name and shapes"),
    ],
)  # fmt: skip
def test_layers_that_cannot_be_copied_are_refused(net_a, name, layers, said):
    size, options = (32, 32, 1 if name == "lenet5" else 3), {} if name == "lenet5" else {"units": 24}
    network = kerasnets.build(name, size, 2, **options)
    before = _weights(network)
    with pytest.raises(UserError, match=said) as refusal:
        copy_layers(network, net_a, layers)
    assert "\n" not in str(refusal.value)
    assert all(_same(values, before[layer]) for layer, values in _weights(network).items())


def test_a_recipe_needs_a_finished_run(residual, tiny, tmp_path):
    options = ("resnet_cifar", "model.options.depth=8")
    with pytest.raises(UserError, match=r"initialization\.from_run: .*nowhere: no run here"):
        tiny(*options, f"initialization.from_run={tmp_path / 'nowhere'}")
    stopped = shutil.copytree(residual, tmp_path / "stopped")
    (stopped / "result.json").unlink()
    with pytest.raises(UserError, match=r"unfinished, .*from_run needs a finished run") as refusal:
        tiny(*options, f"initialization.from_run={stopped}")
    assert "\n" not in str(refusal.value)
