"""How weights start and how they are moved, against formulas."""

import keras
import numpy as np
import pytest

import kerasnets
from kerasnets.initializers import alexnet_ones, initialize, residual_ends
from kerasnets.optimizers import OPTIMIZERS, decayed_variables, make_optimizer, named_slots
from kerasnets.sizing.layers import shapes_only


def _weights(name="lenet5", **arguments):
    model = kerasnets.build(name)
    initialize(model, **arguments)
    return {variable.path: np.asarray(variable) for variable in model.variables}


def test_same_seed_same_weights_whatever_was_drawn_before():
    first = _weights(seed=3)
    keras.random.uniform((5,))
    kerasnets.build("convnet10")
    again, other = _weights(seed=3), _weights(seed=4)
    for path, values in first.items():
        np.testing.assert_array_equal(values, again[path])
        if path.endswith("kernel"):
            assert not np.array_equal(values, other[path])


def test_layers_of_equal_shape_start_differently():
    weights = _weights("convnet10")
    assert not np.array_equal(weights["conv1_2/kernel"], weights["conv2_1/kernel"])


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("he_normal", lambda fan_in, fan_out: 2 / fan_in),
        ("he_uniform", lambda fan_in, fan_out: 2 / fan_in),
        ("lecun_normal", lambda fan_in, fan_out: 1 / fan_in),
        ("lecun_uniform", lambda fan_in, fan_out: 1 / fan_in),
        ("glorot_normal", lambda fan_in, fan_out: 2 / (fan_in + fan_out)),
        ("glorot_uniform", lambda fan_in, fan_out: 2 / (fan_in + fan_out)),
        ("lecun_1998", lambda fan_in, fan_out: (2.4 / fan_in) ** 2 / 3),
        ("uniform_sqrt_n", lambda fan_in, fan_out: 1 / fan_in / 3),
    ],
)
def test_initializers_have_their_papers_variance(name, variance):
    kernel = _weights(kernel=name)["c5/kernel"]  # 5x5, 16 to 120: 48,000 draws
    np.testing.assert_allclose(kernel.var(), variance(25 * 16, 25 * 120), rtol=0.05)
    assert abs(kernel.mean()) < 4 * kernel.std() / np.sqrt(kernel.size)


def test_lecun_1998_stays_inside_its_bound_and_biases_follow_their_own_name():
    weights = _weights(kernel="lecun_1998", bias="lecun_1998")
    for part in ("kernel", "bias"):
        assert np.abs(weights[f"f6/{part}"]).max() <= 2.4 / 120
    assert weights["f6/bias"].any()
    assert not _weights()["f6/bias"].any()
    assert (_weights(bias="ones")["f6/bias"] == 1).all()


def test_random_normal_has_its_standard_deviation():
    kernel = _weights(kernel="random_normal", stddev=0.01)["c5/kernel"]
    np.testing.assert_allclose(kernel.std(), 0.01, rtol=0.02)


def test_uniform_sqrt_n_stays_inside_its_bound():
    assert np.abs(_weights(kernel="uniform_sqrt_n")["c5/kernel"]).max() <= 1 / np.sqrt(400)


def test_all_zero_kernels_stay_all_alike():
    """Why not: with zero kernels and equal biases all units of a layer get one gradient: they stay one."""
    model = kerasnets.build("lenet5", activation="relu")
    initialize(model, "zeros", "ones")
    images = np.random.default_rng(0).normal(size=(8, 32, 32, 1)).astype("float32")
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(images, np.arange(8), epochs=3, verbose=0)
    kernel = np.asarray(model.get_layer("f6").kernel)
    np.testing.assert_allclose(kernel, kernel[:, :1] * np.ones_like(kernel), rtol=1e-5, atol=1e-9)


def test_alexnet_bias_rule_is_the_papers():
    with shapes_only():
        model = kerasnets.build("alexnet")
    assert alexnet_ones(model) == {"conv2", "conv4", "conv5", "fc6", "fc7"}
    weights = _weights("convnet10", bias="alexnet")
    ones = [path for path, values in weights.items() if path.endswith("bias") and (values == 1).all()]
    assert ones == ["conv1_2/bias", "conv2_2/bias", "conv3_1/bias"]


@pytest.mark.parametrize(
    ("name", "options", "ends"),
    [
        (
            "resnet20",
            {"shortcut": "B"},
            [f"stage{s}_block{b}_conv2_bn" for s in (1, 2, 3) for b in (1, 2, 3)],
        ),
        ("resnet_cifar", {"depth": 8, "shortcut": "C"}, [f"stage{s}_block1_conv2_bn" for s in (1, 2, 3)]),
    ],
)
def test_zero_gamma_ends_the_residual_branches(name, options, ends):
    model = kerasnets.build(name, **options)
    initialize(model, "he_normal", zero_gamma=True)
    zero = [
        layer.name
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization) and not np.any(layer.gamma)
    ]
    assert sorted(zero) == ends


def test_zero_gamma_finds_the_branches_of_other_networks():
    with shapes_only():
        model = keras.applications.ResNet50(weights=None)
    assert [layer.name for layer in residual_ends(model)] == [
        f"conv{stage}_block{block}_3_bn"
        for stage, blocks in ((2, 3), (3, 4), (4, 6), (5, 3))
        for block in range(1, blocks + 1)
    ]
    with pytest.raises(ValueError, match="found no residual branch"):
        initialize(kerasnets.build("convnet10"), zero_gamma=True)


def test_zero_gamma_is_refused_where_channels_would_stay_zero():
    with pytest.raises(ValueError, match="shortcuts of option A"):
        initialize(kerasnets.build("resnet_cifar", depth=8), zero_gamma=True)


def test_fixed_codes_and_subsampling_keep_their_start():
    weights = _weights("lenet5_1998", kernel="lecun_1998")
    assert set(np.unique(weights["output/codes"])) == {-1.0, 1.0}
    assert (weights["s2/coefficient"] == 0.25).all()
    assert np.abs(weights["c3/kernel"]).max() <= 2.4 / (25 * 60 / 16)


def test_decay_spares_biases_and_normalization_unless_told():
    inputs = keras.Input((4,))
    outputs = keras.layers.BatchNormalization(name="norm")(keras.layers.Dense(3, name="dense")(inputs))
    model = keras.Model(inputs, outputs)

    def names(**which):
        return [variable.path for variable in decayed_variables(model, **which)]

    assert names() == ["dense/kernel"]
    assert names(biases=True) == ["dense/kernel", "dense/bias"]
    assert names(normalization=True) == ["dense/kernel", "norm/gamma", "norm/beta"]


def test_decoupled_decay_shrinks_weights_by_rate_times_decay_and_spares_the_rest():
    kernel, bias = keras.Variable([2.0], name="kernel"), keras.Variable([2.0], name="bias")
    optimizer = make_optimizer("sgd", learning_rate=0.1, decoupled=0.5, spared=[bias])
    optimizer.apply([keras.ops.zeros(1)] * 2, [kernel, bias])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(kernel), [2.0 * (1 - 0.1 * 0.5)], rtol=1e-6)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(bias), [2.0])


START = np.array([[1.0, -2.0, 0.5], [0.3, 0.0, -0.1]], "float32")
GRADIENTS = np.random.default_rng(5).normal(size=(6, 2, 3)).astype("float32")


def _keras_weights(**options):
    """Return the weights after each step of an optimizer, from START along GRADIENTS."""
    variable = keras.Variable(START, name="kernel")
    optimizer = make_optimizer(**options)
    weights = []
    for gradient in GRADIENTS:
        optimizer.apply([keras.ops.array(gradient)], [variable])
        weights.append(np.array(variable))
    return np.array(weights)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_is_keras_own_and_moves_weights(name):
    optimizer = make_optimizer(name, learning_rate=0.25)
    assert type(optimizer) is OPTIMIZERS[name]
    assert (optimizer.name, float(optimizer.learning_rate)) == (name, 0.25)
    assert type(optimizer).__name__.lower() == name
    weights = _keras_weights(name=name, learning_rate=0.01)
    assert np.isfinite(weights).all()
    assert (weights[0] != START).all()


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("options", "theirs", "arguments"),
    [
        ({"name": "sgd", "momentum": 0.9}, "SGD", {"momentum": 0.9}),
        (
            {"name": "sgd", "momentum": 0.9, "nesterov": True},
            "SGD",
            {"momentum": 0.9, "nesterov": True},
        ),
        ({"name": "adagrad"}, "Adagrad", {"initial_accumulator_value": 0.1}),
        ({"name": "adadelta"}, "Adadelta", {"rho": 0.95, "eps": 1e-7}),
        ({"name": "rmsprop", "rho": 0.8}, "RMSprop", {"alpha": 0.8}),
        ({"name": "adam"}, "Adam", {}),
        ({"name": "adam", "amsgrad": True}, "Adam", {"amsgrad": True}),
        ({"name": "adamw", "decoupled": 0.5}, "AdamW", {"weight_decay": 0.5}),
        ({"name": "adamax"}, "Adamax", {}),
        ({"name": "nadam"}, "NAdam", {"momentum_decay": 1.0}),
    ],
    ids=str,
)
def test_optimizers_move_as_pytorchs(options, theirs, arguments):
    torch = pytest.importorskip("torch")
    weights = torch.nn.Parameter(torch.tensor(START))
    optimizer = getattr(torch.optim, theirs)([weights], lr=0.1, **arguments)
    found = _keras_weights(**options, learning_rate=0.1)
    for gradient, ours in zip(GRADIENTS, found, strict=True):
        weights.grad = torch.tensor(gradient)
        optimizer.step()
        np.testing.assert_allclose(ours, weights.detach().numpy(), rtol=2e-4, atol=2e-5)


def test_lion_goes_by_the_sign():
    """Chen 2023, algorithm 2."""
    found = _keras_weights(name="lion", learning_rate=0.1, decoupled=0.01)
    weights, momentum = START.astype("float64"), np.zeros_like(START)
    for gradient, ours in zip(GRADIENTS, found, strict=True):
        weights = weights * (1 - 0.1 * 0.01) - 0.1 * np.sign(0.9 * momentum + 0.1 * gradient)
        momentum = 0.99 * momentum + 0.01 * gradient
        np.testing.assert_allclose(ours, weights, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", ["clipvalue", "clipnorm", "global_clipnorm"])
def test_clipping(kind):
    gradients = [np.array([3.0, -4.0], "float32"), np.array([0.6, 0.0], "float32")]
    norm = np.sqrt(3**2 + 4**2 + 0.6**2)
    right = {
        "clipvalue": [[1, -1], [0.6, 0]],
        "clipnorm": [[3 / 5, -4 / 5], [0.6, 0]],
        "global_clipnorm": [gradients[0] / norm, gradients[1] / norm],
    }[kind]
    variables = [keras.Variable(np.zeros(2)) for _ in gradients]
    optimizer = make_optimizer("sgd", learning_rate=1.0, **{kind: 1.0})
    optimizer.apply([keras.ops.array(gradient) for gradient in gradients], variables)
    np.testing.assert_allclose(np.array([-np.array(v) for v in variables]), right, rtol=1e-6)


def test_the_moving_average_of_weights_starts_at_the_first():
    variable = keras.Variable(START)
    optimizer = make_optimizer("sgd", learning_rate=0.1, use_ema=True, ema_momentum=0.8)
    weights, average = START.astype("float64"), None
    for gradient in GRADIENTS:
        optimizer.apply([keras.ops.array(gradient)], [variable])
        weights = weights - 0.1 * gradient
        average = weights if average is None else 0.8 * average + 0.2 * weights
    optimizer.finalize_variable_values([variable])
    np.testing.assert_allclose(np.array(variable), average, rtol=1e-5)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_slots_have_names_that_are_unique_and_stay(name):
    def named():
        keras.Variable(0.0)  # what else is made before must not count
        model = kerasnets.build("lenet5")
        optimizer = make_optimizer(name, learning_rate=0.01, use_ema=True)
        optimizer.build(model.trainable_variables)
        return optimizer, named_slots(optimizer)

    optimizer, slots = named()
    assert len(slots) == len(optimizer.variables)
    assert all(slot is variable for slot, variable in zip(slots.values(), optimizer.variables, strict=True))
    assert list(named()[1]) == list(slots)
    assert all(path.startswith(f"{name}/") for path in slots)
    assert f"{name}/c1_kernel_average" in slots
