"""How weights start and how they are moved, against formulas."""

import keras
import numpy as np
import pytest

import kerasnets
from kerasnets.initialization import alexnet_ones, initialize, residual_ends
from kerasnets.optimization import decayed_variables, make_optimizer, rate_factor
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


CONSTANT = {"name": "constant", "warmup_epochs": 0.0}
STEP = {"name": "step", "epochs": [2, 4], "factor": 0.1, "warmup_epochs": 0.0}
COSINE = {"name": "cosine", "final": 0.2, "warmup_epochs": 0.0}
WARM = {"name": "cosine", "final": 0.0, "warmup_epochs": 0.5}


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (CONSTANT, {0: 1.0, 59: 1.0}),
        (STEP, {0: 1.0, 19: 1.0, 20: 0.1, 39: 0.1, 40: 0.01}),
        (COSINE, {0: 1.0, 30: 0.6, 15: 0.2 + 0.8 * (1 + np.sqrt(0.5)) / 2}),
        (WARM, {0: 0.2, 1: 0.4, 4: 1.0, 5: 1.0, 32: (1 + np.cos(np.pi * 27 / 55)) / 2}),
    ],
    ids=["constant", "step", "cosine", "warmup"],
)
def test_schedules(schedule, expected):
    for step, factor in expected.items():
        assert rate_factor(step, steps_per_epoch=10, epochs=6, schedule=schedule) == pytest.approx(factor)


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
