"""Heat maps against hand formulas, and against where objects were planted."""

import keras
import numpy as np
import pytest
from keras import layers
from small import DEEP, KINDS, small_input
from sweep import sweep

import kerasnets
from kerasnets.errors import UserError
from kerasnets.explaining.heat_maps import heat_maps, last_map_layer
from kerasnets.models import BUILDERS


def _network(head, size=16, filters=6, classes=3):
    """Return a small network that ends in global average pooling, or in max pooling and Flatten."""
    keras.utils.set_random_seed(4)
    x = images = keras.Input((size, size, 3), name="images")
    x = layers.Conv2D(filters, 3, padding="same", strides=2, activation="relu", name="conv1")(x)
    x = layers.Conv2D(filters, 3, padding="same", activation="relu", name="conv2")(x)
    if head == "pooled":
        x = layers.GlobalAveragePooling2D(name="average_pool")(x)
    else:
        x = layers.Flatten(name="flatten")(layers.MaxPooling2D(2, name="pool")(x))
    x = layers.Dropout(0.3, name="dropout")(x)
    return keras.Model(images, layers.Dense(classes, name="fc")(x), name=head)


IMAGES = np.random.default_rng(0).normal(size=(5, 16, 16, 3)).astype("float32")
CLASSES = np.array([0, 1, 2, 1, 0])


def _features(network, name="conv2"):
    return keras.Model(network.input, network.get_layer(name).output)(IMAGES).numpy().astype("float64")


def _slopes(network, features):
    """Return the slopes of each image's class score by its 8x8 maps, by the chain rule."""
    weights = network.get_layer("fc").kernel.numpy().astype("float64")[:, CLASSES].T
    if network.name == "pooled":
        return np.broadcast_to(weights[:, None, None, :] / 64, features.shape)
    count, _, _, filters = features.shape
    windows = features.reshape(count, 4, 2, 4, 2, filters).transpose(0, 1, 3, 5, 2, 4)
    largest = windows.reshape(count, 4, 4, filters, 4).argmax(-1)  # gets the whole slope of its window
    back = np.eye(4)[largest] * weights.reshape(count, 4, 4, filters, 1)
    return back.reshape(count, 4, 4, filters, 2, 2).transpose(0, 1, 4, 2, 5, 3).reshape(features.shape)


def _enlarged(heat):
    """Return maps (N, 8, 8) at twice the size, bilinearly between the pixels' centres; the largest is 1."""
    places = (np.arange(16) + 0.5) / 2 - 0.5
    weights = np.stack([np.interp(places, np.arange(8), one) for one in np.eye(8)], 1)
    heat = weights @ heat @ weights.T
    most = heat.max((1, 2), keepdims=True)
    return np.divide(heat, most, out=np.zeros_like(heat), where=most > 0)


@pytest.mark.parametrize("head", ["pooled", "flattened"])
def test_both_methods_are_their_papers_formulas(head):
    network = _network(head)
    features = _features(network)
    slopes = _slopes(network, features)
    grad_cam = np.maximum((slopes.mean((1, 2), keepdims=True) * features).sum(-1), 0)
    layer_cam = np.maximum((np.maximum(slopes, 0) * features).sum(-1), 0)
    for method, right in (("grad_cam", grad_cam), ("layer_cam", layer_cam)):
        found = heat_maps(network, IMAGES, CLASSES, method=method)
        assert (found.dtype, found.shape) == ("float32", (5, 16, 16))
        np.testing.assert_allclose(found, _enlarged(right), atol=1e-5)
    assert np.abs(_enlarged(grad_cam) - _enlarged(layer_cam)).max() > 0.05


def test_where_nothing_raises_the_score_there_is_no_heat():
    network = _network("pooled")
    network.get_layer("fc").kernel.assign(-np.ones((6, 3)))
    assert not heat_maps(network, IMAGES, CLASSES).any()


LAYERS = {
    "lenet5": ("c3", 32, {}),  # C5 has one pixel at 32 pixels
    "alexnet_owt": ("conv5", 224, {}),
    "vgg11_bn": ("conv5_2_relu", 64, {"units": 64}),
    "resnet20": ("stage3_block3_relu", 32, {}),
    "convnet10": ("conv3_2", 32, {}),
    "googlenet": ("inception5b", 96, {"auxiliary": True}),
}


@pytest.mark.parametrize("name", sweep(LAYERS, quick=["lenet5", "vgg11_bn", "googlenet"]))
def test_the_last_layer_that_knows_places_lies_before_pooling_and_heads(name):
    layer, size, options = LAYERS[name]
    network = kerasnets.build(name, (size, size, 1 if name == "lenet5" else 3), 4, **options)
    assert last_map_layer(network) == layer


@pytest.mark.parametrize("name", sweep([name for name in BUILDERS if name not in DEEP], thorough=KINDS))
def test_every_architecture_has_heat_maps(name):
    keras.utils.set_random_seed(3)
    shape = small_input(name)
    network = kerasnets.build(name, shape, 4)
    images = np.random.default_rng(0).normal(size=(3, *shape)).astype("float32")
    heat = heat_maps(network, images, np.array([0, 3, 1]), method="grad_cam")
    assert heat.shape == (3, *shape[:2])
    assert np.isfinite(heat).all()
    assert heat.min() >= 0
    assert set(heat.max((1, 2)).tolist()) <= {0.0, 1.0}
    assert heat.max() == 1


def test_what_has_no_maps_is_refused():
    network = _network("pooled")
    with pytest.raises(
        UserError, match=r"^layer 'conv3', allowed: a layer of feature maps; did you mean 'conv"
    ):
        heat_maps(network, IMAGES, CLASSES, layer="conv3")
    with pytest.raises(
        UserError, match=r"^heat maps by 'gradcam', allowed: grad_cam, layer_cam; did you mean"
    ):
        heat_maps(network, IMAGES, CLASSES, method="gradcam")
    images = keras.Input((4, 4, 1))
    dense = keras.Model(images, layers.Dense(2)(layers.Flatten()(images)), name="dense")
    with pytest.raises(UserError, match=r"^dense: found no layer of feature maps"):
        heat_maps(dense, np.zeros((1, 4, 4, 1)), np.zeros(1))


SIDE, OBJECT = 64, 32


def _planted(count, seed):
    """Return synthetic photos of an object on a smooth background, its kind, and the mask of its pixels."""
    draws = np.random.default_rng(seed)
    coarse = draws.normal(size=(count, 6, 6, 3))
    places = np.linspace(0, 5, SIDE)
    smooth = np.stack([np.interp(places, np.arange(6), one) for one in np.eye(6)], 1)
    images = np.einsum("yi,nijc,xj->nyxc", smooth, coarse, smooth) + 0.2 * draws.normal(
        size=(count, SIDE, SIDE, 3)
    )
    masks = np.zeros((count, SIDE, SIDE), bool)
    kinds = draws.integers(0, 3, count)
    rows, columns = np.mgrid[:OBJECT, :OBJECT] // 2 % 2
    textures = np.stack([rows, columns, rows ^ columns])[..., None] * 4.0 - 2
    for index, kind in enumerate(kinds):
        top, left = draws.integers(0, SIDE - OBJECT + 1, 2)
        images[index, top : top + OBJECT, left : left + OBJECT] = textures[kind]
        masks[index, top : top + OBJECT, left : left + OBJECT] = True
    return images.astype("float32"), kinds, masks


@pytest.fixture(scope="module", params=sweep(["pooled", "flattened"], quick=["pooled"]))
def classifier(request):
    """A convolutional network of two layers, trained to tell the objects apart."""
    keras.utils.set_random_seed(2)
    x = images = keras.Input((SIDE, SIDE, 3), name="images")
    x = layers.Conv2D(12, 5, padding="same", strides=2, activation="relu", name="conv1")(x)
    x = layers.Conv2D(16, 3, padding="same", activation="relu", name="conv2")(x)
    if request.param == "pooled":
        x = layers.GlobalAveragePooling2D(name="average_pool")(x)
    else:
        x = layers.Flatten(name="flatten")(layers.MaxPooling2D(4, name="pool2")(x))
        x = layers.Dense(32, activation="relu", name="fc1")(x)
    network = keras.Model(images, layers.Dense(3, name="fc2")(x), name=request.param)
    images, kinds, _ = _planted(500, seed=1)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(5e-3), loss)
    network.fit(images, kinds, batch_size=32, epochs=4, verbose=0)
    return network


# LayerCAM sees what speaks for a class alone: behind global pooling the background's part does not cancel
LEAST = {"grad_cam": 0.8, "layer_cam": 0.75}


def test_at_least_four_fifths_of_the_heat_lie_on_the_object(classifier):
    images, kinds, masks = _planted(100, seed=7)
    predicted = np.asarray(classifier(images)).argmax(1)
    assert (predicted == kinds).mean() >= 0.95
    assert masks.mean() == 0.25
    for method, least in LEAST.items():
        heat = heat_maps(classifier, images, predicted, method=method)
        mass = (heat * masks).sum((1, 2)) / heat.sum((1, 2))
        assert mass.mean() >= least, method
