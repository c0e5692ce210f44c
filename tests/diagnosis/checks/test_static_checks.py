"""Each check fires on a faulty program and is silent on its twin, which is right."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasnets import models
from kerasnets.diagnosis.checks.loss_kind import LossKind, loss_kind
from kerasnets.diagnosis.checks.model import model_facts, outline
from kerasnets.diagnosis.checks.splits import count_shared
from kerasnets.diagnosis.checks.static import OF_SPLITS, STATIC, static_findings
from kerasnets.diagnosis.checks.trace import trace
from kerasnets.diagnosis.names import FAULTS
from kerasnets.initializers import initialize
from kerasnets.recipe import load_recipe, recipe_names
from tests.support.small import small_input
from tests.support.sweep import sweep

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(32, 8, 8, 1)).astype("float32")
Y = np.arange(32) % 3
ONE_HOT = keras.utils.to_categorical(Y, 3)
SEVERAL = np.maximum(ONE_HOT, keras.utils.to_categorical((Y + 1) % 3, 3))
OF_LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
SPARSE, CATEGORICAL, BINARY = (
    f"{kind}_crossentropy" for kind in ("sparse_categorical", "categorical", "binary")
)


def network(*between, last="softmax", units=3, **options):
    """A convolution, what comes between, two dense layers; options are of all kernels."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, activation="relu", name="conv", **options),
            *between,
            layers.Flatten(),
            layers.Dense(16, activation="relu", name="hidden", **options),
            layers.Dense(units, activation=last, name="last", **options),
        ]
    )


def found(model, loss=SPARSE, x=X, y=Y, *, notes=False, **options):
    """Names of the faults found in a model after `compile`."""
    model.compile("sgd", loss)
    findings = static_findings(model, x, y, **options)
    assert all(finding.rule in FAULTS and finding.step == 0 for finding in findings)
    return [finding.rule for finding in findings if notes or not finding.note]


def test_every_check_is_of_a_known_fault():
    assert set(STATIC) | set(OF_SPLITS) < set(FAULTS)


@pytest.mark.parametrize(
    ("last", "units", "loss", "y"),
    [
        ("softmax", 3, SPARSE, Y),
        ("softmax", 3, CATEGORICAL, ONE_HOT),
        (None, 3, OF_LOGITS, Y),
        ("sigmoid", 1, BINARY, Y % 2),
        ("sigmoid", 3, BINARY, ONE_HOT),
        ("sigmoid", 3, BINARY, SEVERAL),
        ("softmax", 2, BINARY, keras.utils.to_categorical(Y % 2, 2)),
        (None, 1, "mse", Y * 1.5),
        (None, 3, "mse", ONE_HOT),
        ("relu", 1, "mae", Y * 1.5),
        ("tanh", 1, "hinge", Y % 2 * 2 - 1),
    ],
)
def test_losses_that_fit(last, units, loss, y):
    assert found(network(last=last, units=units), loss, y=y) == []


@pytest.mark.parametrize(
    ("fault", "last", "units", "loss", "y"),
    [
        ("softmax_twice", "softmax", 3, OF_LOGITS, Y),
        ("last_activation_mismatch", "softmax", 1, BINARY, Y % 2),
        ("last_activation_mismatch", "relu", 3, OF_LOGITS, Y),
        ("last_activation_mismatch", None, 3, SPARSE, Y),
        ("last_activation_mismatch", "sigmoid", 3, CATEGORICAL, ONE_HOT),
        ("last_activation_mismatch", None, 1, BINARY, Y % 2),
        ("last_activation_mismatch", "tanh", 1, BINARY, Y % 2),
        ("last_activation_mismatch", "sigmoid", 1, "mse", Y * 1.5),
        ("loss_mismatch", "softmax", 3, SPARSE, ONE_HOT),
        ("loss_mismatch", "softmax", 3, CATEGORICAL, Y),
        ("loss_mismatch", "softmax", 3, SPARSE, Y + 0.5),
        ("loss_mismatch", "softmax", 3, BINARY, ONE_HOT),
        ("loss_mismatch", "sigmoid", 1, BINARY, Y),
        ("loss_mismatch", "sigmoid", 1, CATEGORICAL, Y % 2),
        ("loss_mismatch", None, 3, "mse", Y),
        ("loss_mismatch", "softmax", 3, "mse", ONE_HOT),
        ("loss_mismatch", "softmax", 3, "mse", SEVERAL),
        ("loss_mismatch", "softmax", 3, BINARY, SEVERAL),
        ("labels_out_of_range", "softmax", 3, SPARSE, Y + 1),
        ("labels_out_of_range", "softmax", 3, SPARSE, Y - 1),
        ("labels_out_of_range", "sigmoid", 1, BINARY, Y % 2 * 2 - 1),
        ("labels_out_of_range", None, 1, "mse", np.where(Y == 1, np.nan, Y)),
    ],
)
def test_losses_that_do_not_fit(fault, last, units, loss, y):
    assert found(network(last=last, units=units), loss, y=y) == [fault]


@pytest.mark.parametrize(
    ("loss", "y", "places"),
    [(BINARY, Y % 2, 1), (SPARSE, Y, 3), (CATEGORICAL, ONE_HOT, 3), ("mse", Y * 1.5, 1)],
)
def test_an_output_a_place_and_a_label_an_example(loss, y, places):
    def ending(*pooling):
        last = layers.Dense(
            places, activation=None if loss == "mse" else "softmax" if places > 1 else "sigmoid"
        )
        convolution = layers.Conv2D(8, 3, activation="relu")
        return keras.Sequential([keras.Input((8, 8, 1)), convolution, *pooling, last])

    assert found(ending(), loss, y=y) == ["loss_mismatch"]
    assert found(ending(layers.GlobalAveragePooling2D()), loss, y=y) == []
    assert found(ending(layers.AveragePooling2D(6)), loss, y=y) == []  # one place is left


def test_labels_of_every_place():
    x = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(1, 3, activation="sigmoid", padding="same")])
    assert found(x, BINARY, y=(X > 0.5).astype("float32")) == []


def test_two_softmax_layers():
    assert found(network(layers.Softmax())) == []  # attention over maps is no output
    model = keras.Sequential([*network().layers, layers.Softmax()])
    assert found(model) == ["softmax_twice"]


def test_the_advice_renumbers_labels():
    model = network()
    model.compile("sgd", SPARSE)
    (finding,) = static_findings(model, X, Y + 1)
    assert finding.evidence == "labels from 1 to 3, and 3 outputs"
    assert finding.advice == "give y -1"


def test_a_loss_outside_compile_is_stated():
    model, stated = network(last=None), LossKind(name=CATEGORICAL, from_logits=True)
    assert static_findings(model, X, ONE_HOT) == []
    assert static_findings(model, X, ONE_HOT, loss=stated) == []
    of_probabilities = LossKind(name=CATEGORICAL)
    assert [each.rule for each in static_findings(model, X, ONE_HOT, loss=of_probabilities)] == [
        "last_activation_mismatch"
    ]


def test_what_losses_take():
    assert loss_kind("mse").name == "mean_squared_error"
    smooth = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    assert loss_kind(smooth) == LossKind(name=CATEGORICAL, from_logits=True, label_smoothing=0.1)
    assert loss_kind(lambda labels, outputs: outputs).name is None


# a convolution or dense layer after another


def _functional(build):
    inputs = keras.Input((8, 8, 4))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(build(inputs))))


def _conv(filters, size=3, activation=None, **options):
    return layers.Conv2D(filters, size, padding="same", activation=activation, **options)


LINEAR = {
    "two convolutions": lambda x: layers.ReLU()(_conv(8)(_conv(8)(x))),
    "with a normalization": lambda x: layers.ReLU()(_conv(8)(layers.BatchNormalization()(_conv(8)(x)))),
    "with an average": lambda x: layers.ReLU()(_conv(8)(layers.AveragePooling2D(2)(_conv(8)(x)))),
    "before the head": lambda x: layers.Dropout(0.5)(_conv(8)(layers.ReLU()(_conv(8)(x)))),
    "both branches": lambda x: (lambda y: layers.ReLU()(layers.Concatenate()([_conv(8)(y), _conv(4)(y)])))(
        _conv(8)(x)
    ),
    "in a nested model": lambda x: layers.ReLU()(
        _conv(8)(keras.Sequential([keras.Input((8, 8, 4)), _conv(8)])(x))
    ),
}

NONLINEAR = {
    "a rectifier": lambda x: layers.ReLU()(_conv(8)(layers.ReLU()(_conv(8)(x)))),
    "an operation": lambda x: layers.ReLU()(_conv(8)(ops.relu(_conv(8)(x)))),
    "a maximum": lambda x: layers.ReLU()(_conv(8)(layers.MaxPooling2D(2)(_conv(8)(x)))),
    "factorized": lambda x: _conv(8, (7, 1), "relu")(_conv(8, (1, 7), "relu")(x)),
    "a linear bottleneck": lambda x: layers.ReLU()(_conv(16, 1)(_conv(2, 1)(x))),
    "separable": lambda x: layers.ReLU()(layers.SeparableConv2D(8, 3)(layers.ReLU()(_conv(8)(x)))),
    "depthwise": lambda x: layers.ReLU()(_conv(8, 1)(layers.DepthwiseConv2D(3)(layers.ReLU()(_conv(8)(x))))),
    "a residual sum": lambda x: layers.ReLU()(
        layers.Add()([_conv(8, 1)(x), _conv(8)(layers.ReLU()(_conv(8)(x)))])
    ),
    "before an activation in a branch": lambda x: (
        lambda y: layers.Add()([_conv(8, 1)(y), _conv(8, 3, "relu")(layers.ReLU()(y))])
    )(_conv(8)(x)),
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear_layers_in_a_row(name):
    x = RANDOM.normal(size=(4, 8, 8, 4)).astype("float32")
    assert "no_nonlinearity" in found(_functional(LINEAR[name]), x=x, y=Y[:4])


@pytest.mark.parametrize("name", NONLINEAR)
def test_what_is_nonlinear_or_linear_by_design(name):
    x = RANDOM.normal(size=(4, 8, 8, 4)).astype("float32")
    assert found(_functional(NONLINEAR[name]), x=x, y=Y[:4]) == []


class _Subclassed(keras.Model):
    """Two dense layers; `nonlinear` is what lies between."""

    def __init__(self, nonlinear):
        super().__init__()
        self.flatten, self.nonlinear = layers.Flatten(), nonlinear
        self.first, self.second = layers.Dense(8, name="first"), layers.Dense(3, activation="softmax")

    def call(self, x):
        return self.second(self.nonlinear(self.first(self.flatten(x))))


def test_subclassed_models_are_seen_as_they_call():
    for nonlinear, expected in (
        (layers.Identity(), ["no_nonlinearity"]),
        (ops.relu, []),
        (layers.ReLU(), []),
    ):
        model = _Subclassed(nonlinear)
        model(X[:1])
        assert found(model) == expected


# normalizations


def test_bias_before_a_normalization_is_a_note():
    biased = network(layers.Conv2D(4, 3, name="biased"), layers.BatchNormalization(), layers.ReLU())
    plain = network(layers.Conv2D(4, 3, use_bias=False), layers.BatchNormalization(), layers.ReLU())
    assert found(biased, notes=True) == ["bias_before_batchnorm"]
    assert found(biased) == []
    assert found(plain, notes=True) == []


def test_dropout_before_a_normalization():
    assert found(network(layers.Dropout(0.5), layers.BatchNormalization())) == ["dropout_before_batchnorm"]
    assert found(network(layers.BatchNormalization(), layers.Dropout(0.5))) == []
    between = layers.Conv2D(4, 3, use_bias=False, activation="relu")
    assert found(network(layers.Dropout(0.5), between, layers.BatchNormalization())) == []


# inputs


@pytest.mark.parametrize(
    ("fault", "x"),
    [
        ("unnormalized_input", RANDOM.integers(0, 256, X.shape)),
        ("unnormalized_input", X * 2 + 200),
        ("unnormalized_input", X * 1000),
        ("unnormalized_input", RANDOM.integers(0, 256, X.shape) / 255 / 255),
        ("constant_input", np.zeros_like(X)),
        ("constant_input", np.repeat(X[:1], 32, 0)),
        ("not_finite", np.where(X > 2, np.nan, X)),
    ],
)
def test_inputs_that_spoil_a_training(fault, x):
    assert found(network(), x=np.asarray(x, "float32")) == [fault]


@pytest.mark.parametrize(
    "x", [X, RANDOM.random(X.shape), RANDOM.integers(0, 2, X.shape), (RANDOM.random(X.shape) - 0.5) * 255]
)
def test_inputs_that_trainings_had(x):
    assert found(network(), x=np.asarray(x, "float32")) == []


def test_what_the_model_does_itself_counts():
    raw = RANDOM.integers(0, 256, X.shape).astype("float32")
    for first in (layers.Rescaling(1 / 255), layers.BatchNormalization()):
        assert found(keras.Sequential([keras.Input((8, 8, 1)), first, *network().layers]), x=raw) == []


# weights


@pytest.mark.parametrize("initializer", ["zeros", "ones"])
def test_kernels_of_one_number(initializer):
    model = network(kernel_initializer=initializer)
    model.compile("sgd", SPARSE)
    finding = next(each for each in static_findings(model, X, Y) if each.rule == "constant_weights")
    assert finding.layer == "conv"
    assert finding.also == ("hidden", "last")
    assert finding.evidence.startswith("all 3 kernels are ")
    assert ("ln(3)" in finding.cause) == (initializer == "zeros")


def test_kernels_that_may_start_at_zero():
    model = network()
    model.get_layer("last").kernel.assign(np.zeros((16, 3)))
    assert found(model) == []

    def residual(x):
        branch = _conv(4, kernel_initializer="zeros")(_conv(4, 3, "relu")(x))
        return layers.ReLU()(layers.Add()([x, branch]))

    x = RANDOM.normal(size=(4, 8, 8, 4)).astype("float32")
    assert found(_functional(residual), x=x, y=Y[:4]) == []


def test_scales_of_first_weights():
    normal = keras.initializers.RandomNormal
    for stddev, expected in ((1.0, ["bad_initialization"]), (1e-4, ["bad_initialization"]), (0.05, [])):
        assert found(network(kernel_initializer=normal(stddev=stddev, seed=1))) == expected
    assert found(network(kernel_initializer=normal(stddev=1.0, seed=1)), pretrained=True) == []
    for name in ("glorot_uniform", "he_normal", "lecun_normal", "orthogonal"):
        assert found(network(kernel_initializer=name)) == []


def test_frozen_layers():
    model = network()
    model.trainable = False
    assert found(model) == ["frozen_layers"]
    model.trainable = True
    model.get_layer("hidden").trainable = False
    assert found(model) == ["frozen_layers"]
    trained = RANDOM.standard_t(4, size=model.get_layer("hidden").kernel.shape) * 0.05
    model.get_layer("hidden").kernel.assign(trained)
    assert found(model) == []


# what a run of the model shows, and leaves as it was


def test_nothing_of_the_model_changes():
    model = network(layers.BatchNormalization(), layers.Dropout(0.5, seed=1))
    model.compile("adam", SPARSE)
    model.train_on_batch(X, Y)
    variables = [*model.variables, *model.optimizer.variables]
    before = [ops.convert_to_numpy(variable).copy() for variable in variables]
    static_findings(model, X, Y)
    for value, variable in zip(before, variables, strict=True):
        np.testing.assert_array_equal(value, ops.convert_to_numpy(variable))
    assert not any("call" in vars(layer) for layer in model.layers)


def test_the_trace_of_a_branching_nested_model():
    inner = keras.Sequential([keras.Input((6,)), layers.Dense(4, name="dense")], name="inner")
    inputs = keras.Input((6,), name="inputs")
    merged = layers.Add(name="add")([inner(inputs), layers.Dense(4, name="side")(inputs)])
    model = keras.Model(inputs, layers.Softmax(name="softmax")(merged))
    traced = trace(model, np.ones((2, 6), "float32"))
    paths = [call.path for call in traced.calls]
    sources = {call.path: {paths[each] for each in call.sources if each is not None} for call in traced.calls}
    assert sources["add"] == {"inner/dense", "side"}
    assert sources["softmax"] == {"add"}
    assert [paths[index] for index in traced.results] == ["softmax"]
    np.testing.assert_allclose(traced.outputs[0].sum(-1), 1, rtol=1e-5)


def test_outline_and_facts():
    model = keras.Sequential([network(layers.Dropout(0.3), layers.ReLU())], name="outer")
    model.build((None, 8, 8, 1))
    model.compile(keras.optimizers.SGD(0.1), keras.losses.CategoricalCrossentropy(label_smoothing=0.2))
    rows = {row.path.rpartition("/")[2]: row for row in outline(model)}
    assert (rows["conv"].kind, rows["conv"].activation, rows["conv"].kernel) == (
        "Conv2D",
        "relu",
        (3, 3, 1, 8),
    )
    assert rows["last"].parameters == 16 * 3 + 3
    facts = model_facts(model, X, ONE_HOT, batch_size=8, epochs=2)
    assert (facts.classes, facts.training_examples, facts.optimizer) == (3, 32, "sgd")
    assert (facts.learning_rate, facts.loss, facts.label_smoothing) == (pytest.approx(0.1), CATEGORICAL, 0.2)
    assert facts.dropout
    assert not facts.l2
    np.testing.assert_allclose(facts.class_shares, [11 / 32, 11 / 32, 10 / 32])


# precision: what is shipped is sound


@pytest.mark.parametrize(
    "name",
    sweep(
        recipe_names(), quick=("lenet5-digits", "lenet5-1998-mnist", "convnet10-cifar10", "resnet20-cifar10")
    ),
)
def test_shipped_recipes_start_without_a_warning(name):
    recipe = load_recipe(name)
    # auxiliary heads need larger images
    options = {key: value for key, value in recipe.model.options.items() if key != "auxiliary"}
    model = models.build(recipe.model.name, small_input(recipe.model.name), 10, **options)
    initialize(model, **recipe.initialization.drawn(), seed=recipe.train.seed)
    x = RANDOM.normal(size=(2, *model.input_shape[1:])).astype("float32")
    labels = keras.utils.to_categorical([1, 2], 10)
    kind = LossKind(name=recipe.loss.name, from_logits=True)
    findings = static_findings(model, x, labels, loss=kind)
    assert [str(each) for each in findings if not each.note] == []


@pytest.mark.parametrize(("shared", "leaks"), [(0, False), (2, False), (3, True), (40, True)])
def test_validation_examples_among_the_training_ones_are_found(shared, leaks):
    x = RANDOM.normal(size=(500, 8, 8, 1)).astype("float32")
    x[:, :2] = 0  # as the margins of digits
    held = np.concatenate(
        [x[100 : 100 + shared], RANDOM.normal(size=(40 - shared, 8, 8, 1)).astype("float32")]
    )
    held[shared:, :2] = 0
    y = np.arange(500) % 3
    assert ("validation_leak" in found(network(), x=x, y=y, validation=held)) == leaks
    assert count_shared(x, held) == shared
    # one number apart is another example
    assert count_shared(x, held + (np.arange(64).reshape(8, 8, 1) == 33)) == 0


def test_rows_of_few_numbers_are_alike_by_nature():
    flowers = np.round(RANDOM.normal(size=(300, 4)), 1)
    assert count_shared(flowers, flowers) == 0
