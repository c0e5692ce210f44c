"""Networks made fully convolutional: their score maps against the networks themselves and NumPy."""

import keras
import numpy as np
import pytest
from keras import layers
from published_weights import relative_difference
from small import DEEP, FAMILIES, small_input
from sweep import sweep

import kerasnets
from kerasnets.errors import UserError
from kerasnets.inference.fully_convolutional import fully_convolutional
from kerasnets.models import BUILDERS

ARCHITECTURES = [name for name in BUILDERS if name not in DEEP]


@pytest.fixture(scope="module")
def lenet():
    keras.utils.set_random_seed(1)
    return kerasnets.build("lenet5", classes=5)


def _drawn(network):
    """Draw what starts at zero or one anew, so that a bias or a statistic left out is seen."""
    generator = np.random.default_rng(0)
    for variable in network.weights:
        if len(variable.shape) == 1:
            low, high = (0.5, 1.5) if variable.name in ("gamma", "moving_variance") else (-0.3, 0.3)
            variable.assign(generator.uniform(low, high, variable.shape))
    return network


@pytest.mark.parametrize("name", sweep(ARCHITECTURES, quick=FAMILIES[::2]))
def test_score_map_at_the_training_size_is_the_networks_scores(name):
    keras.backend.clear_session()
    height, width, channels = small_input(name)
    more = 4 if height < 32 else 32  # a last map of several places, taller than wide or the reverse
    network = _drawn(kerasnets.build(name, (height + more, width + 2 * more, channels), 7))
    images = np.random.default_rng(1).standard_normal((2, *network.input_shape[1:]), "float32")
    converted = fully_convolutional(network)
    score_map = np.asarray(converted(images))
    assert score_map.shape == (2, 1, 1, 7)
    assert relative_difference(score_map[:, 0, 0], np.asarray(network(images))) < 1e-5
    larger = np.pad(images[:1], [(0, 0), (0, 64), (0, 32), (0, 0)])
    assert min(converted(larger).shape[1:3]) > 1
    assert [layer.name for layer in converted.layers] == [layer.name for layer in network.layers]


def test_entries_of_a_score_map_are_the_network_on_windows():
    network = _drawn(kerasnets.build("lenet5", (36, 40, 1), 7))  # flattens maps of 2x3
    images = np.random.default_rng(1).standard_normal((2, 44, 53, 1), "float32")
    score_map = np.asarray(fully_convolutional(network)(images))
    assert score_map.shape == (2, 3, 4, 7)
    for row in range(3):
        for column in range(4):
            window = images[:, 4 * row : 4 * row + 36, 4 * column : 4 * column + 40]
            assert relative_difference(score_map[:, row, column], np.asarray(network(window))) < 1e-5


@pytest.mark.parametrize(
    ("pool", "reduce"), [(layers.GlobalAveragePooling2D, np.mean), (layers.GlobalMaxPooling2D, np.max)]
)
def test_global_pooling_becomes_windows_of_the_training_maps_size(pool, reduce):
    images = keras.Input((5, 6, 2))
    maps = layers.Conv2D(4, 3, name="conv")(images)
    network = _drawn(keras.Model(images, layers.Dense(3, name="fc")(pool()(maps))))
    (kernel, bias), (matrix, offset) = (network.get_layer(name).get_weights() for name in ("conv", "fc"))
    larger = np.random.default_rng(2).standard_normal((7, 9, 2)).astype("float32")
    patches = np.lib.stride_tricks.sliding_window_view(larger, (3, 3), axis=(0, 1))
    maps = np.einsum("hwcij,ijcf->hwf", patches, kernel) + bias
    right = [
        [reduce(maps[i : i + 3, j : j + 4], axis=(0, 1)) @ matrix + offset for j in range(4)]
        for i in range(3)
    ]
    found = np.asarray(fully_convolutional(network)(larger[None]))[0]
    np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-6)


def test_the_network_keeps_its_own_weights(lenet):
    image = np.ones((1, 32, 32, 1), "float32")
    before = np.asarray(lenet(image))
    for variable in fully_convolutional(lenet).weights:
        variable.assign(np.zeros(variable.shape))
    np.testing.assert_array_equal(lenet(image), before)


def _flat(x):
    return layers.Flatten()(x)


def _inner(x):
    inner = keras.Input((8, 8, 2))
    return keras.Model(inner, layers.Conv2D(2, 3)(inner), name="inner")(x)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (lambda x: [layers.Dense(3)(_flat(x)), layers.Dense(3)(_flat(x))], "1 inputs and 2 outputs"),
        (lambda x: layers.Dense(3)(layers.BatchNormalization(name="bn")(_flat(x))), r"layer bn \(BatchNorm"),
        (
            lambda x: layers.Dense(3)(layers.Activation("softmax", name="mix")(_flat(x))),
            r"mix \(Activation\)",
        ),
        (
            lambda x: layers.Add(name="sum")([layers.Dense(3)(_flat(x)), layers.Dense(3)(_flat(x))]),
            "layer sum",
        ),
        (lambda x: layers.Dense(3)(layers.Reshape((128,), name="rows")(x)), r"layer rows \(Reshape\)"),
        (lambda x: layers.Dense(3)(_flat(_inner(x))), r"layer inner \(Functional\)"),
        (lambda x: layers.Conv2D(3, 8)(x), "found no head"),
        (lambda x: _flat(x), "found no head"),
    ],
)
def test_what_has_no_fully_convolutional_form_is_refused_in_one_line(head, said):
    images = keras.Input((8, 8, 2))
    with pytest.raises(UserError, match=said) as refusal:
        fully_convolutional(keras.Model(images, head(images), name="net"))
    assert "\n" not in str(refusal.value)
