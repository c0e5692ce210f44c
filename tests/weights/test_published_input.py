"""What published weights take as input: the steps that make it; a warning where a recipe makes another."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from places import SHARED, WEIGHTS, needs_weights
from published_weights import drawn_state, relative_difference
from undiagnosed import UNDIAGNOSED

import kerasnets
from kerasnets.data.preprocessing.statistics import Moments
from kerasnets.data.preprocessing.steps import Preprocessing
from kerasnets.errors import UserError
from kerasnets.recipe import load_recipe
from kerasnets.runs.trained_run import open_run
from kerasnets.training.distribution.strategy import make_strategy
from kerasnets.training.setup.inputs import list_inputs, prepare_inputs
from kerasnets.training.setup.model import make_trainer
from kerasnets.weights.loading import load_weights
from kerasnets.weights.naming.conventions import conventions
from kerasnets.weights.published_input import CAFFE, KERAS_APPLICATIONS

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 5, 4, 3)).astype("uint8")
BGR = {"op": "bgr"}
SCALE = {"op": "scale", "to": [-1.0, 1.0]}


def _prepared(images, *steps):
    preprocessing = Preprocessing(list(steps), images.shape[1:])
    return np.asarray(preprocessing.fit(Moments.of([images], products=True))(images))


@pytest.mark.parametrize(
    "steps",
    [
        [{"op": "subtract_mean", "per": "channel"}],
        [SCALE, {"op": "subtract_mean", "per": "pixel"}],
        [SCALE, {"op": "standardize"}],
        [{"op": "standardize"}, {"op": "pca", "whiten": True, "epsilon": 0.1}],
        [SCALE, {"op": "zca", "epsilon": 0.1}],
    ],
)
def test_bgr_turns_the_channels_wherever_it_stands(steps):
    """As the same steps do on images that NumPy has turned; before the last step as well as first."""
    right = _prepared(IMAGES[..., ::-1], *steps)
    np.testing.assert_allclose(_prepared(IMAGES, BGR, *steps), right, atol=1e-4)
    np.testing.assert_allclose(_prepared(IMAGES, *steps[:-1], BGR, steps[-1]), right, atol=1e-4)
    if steps[-1]["op"] not in ("pca", "zca"):
        np.testing.assert_allclose(_prepared(IMAGES, *steps, BGR), right, atol=1e-4)
        np.testing.assert_allclose(_prepared(IMAGES, BGR, *steps, BGR), _prepared(IMAGES, *steps), atol=1e-4)


@pytest.mark.parametrize("name", KERAS_APPLICATIONS)
def test_keras_applications_prepare_their_images_so(name):
    package = {"resnet50": "resnet", "resnet101": "resnet", "resnet152": "resnet"}.get(name, name)
    right = getattr(keras.applications, package).preprocess_input(IMAGES.astype("float32"))
    np.testing.assert_allclose(_prepared(IMAGES, *KERAS_APPLICATIONS[name]), right, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        ("resnet50", [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ("vgg16_bn", [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ("resnet20", [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ("inception_v4", [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
        # torchvision's own, which go through its transform_input
        ("googlenet_bn", [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
        ("inception_v3", [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]),
    ],
)
def test_torchvision_and_timm_prepare_their_images_so(name, mean, std):
    published, *_ = conventions(name)
    right = (IMAGES / 255 - mean) / std
    np.testing.assert_allclose(_prepared(IMAGES, *published.values), right, atol=1e-5)


@needs_weights
def test_photos_give_googlenets_logits_through_a_recipes_steps():
    """The pixels that the reference was fed, and the photos, which are JPEGs made of these."""
    reference = np.load(WEIGHTS / "googlenet_bvlc_reference_16.npz")
    inputs = reference["input224_bgr_nhwc"].astype("float32")
    pixels = (inputs + np.array([104, 117, 123]))[..., ::-1].round().astype("uint8")
    crop = [
        {"op": "resize", "short_side": 256, "method": "bilinear"},
        {"op": "center_crop", "size": [224, 224]},
    ]
    exact = Preprocessing(list(CAFFE), (224, 224, 3)).fit(None)(pixels)
    steps = Preprocessing([*crop, *CAFFE], (None, None, 3)).fit(None)
    files = [SHARED / "data" / "photos" / name for name in reference["files"]]
    photos = tf.concat([steps(tf.io.decode_jpeg(file.read_bytes(), channels=3)[None]) for file in files], 0)
    np.testing.assert_array_equal(exact, inputs)
    model = kerasnets.build("googlenet")
    assert load_weights(model, WEIGHTS / "googlenet_bvlc.npz") == CAFFE
    assert relative_difference(np.asarray(model(exact)), reference["logits"]) < 1e-3
    same = np.asarray(model(photos)).argmax(1) == reference["logits"].argmax(1)
    assert same.mean() > 0.8


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Return a function that makes a recipe of a network with a published file, on images of eight pixels."""
    folder = tmp_path_factory.mktemp("published")
    draw = np.random.default_rng(0)
    x, y = draw.integers(0, 256, (24, 8, 8, 3), "uint8"), np.arange(24) % 3
    np.savez(folder / "data.npz", x_train=x[:16], y_train=y[:16], x_test=x[16:], y_test=y[16:])
    model = kerasnets.build("resnet_cifar", (8, 8, 3), 3, depth=8)
    np.savez(folder / "published.npz", **drawn_state(model))
    model.save(folder / "own.keras")

    def make(*overrides, weights="published.npz"):
        return load_recipe("lenet5-digits", [
            "data.source=npz", f"data.path={folder / 'data.npz'}", "data.validation=0.0", "augment=[]",
            "model.name=resnet_cifar", "model.options.depth=8", f"model.weights={folder / weights}",
            "train.epochs=1", "train.batch_size=8", *UNDIAGNOSED,
            'preprocess=[{op="standardize"}]', *overrides,
        ])  # fmt: skip

    return make


def _warned(caplog, recipe):
    """Return what making the network of a recipe warns of."""
    caplog.clear()
    make_trainer(prepare_inputs(list_inputs(recipe)), make_strategy("single"))
    return [message for message in caplog.messages if "as they were: preprocess" in message]


def test_another_input_is_warned_of_with_the_table_to_paste(published, caplog):
    crop = '{op="center_crop",size=[8,8]}'
    for steps in ("", ',{op="standardize"}', ',{op="scale"}', ',{op="bgr"}', ',{op="zca",epsilon=0.1}'):
        (message,) = _warned(caplog, published(f"preprocess=[{crop}{steps}]"))
        assert ": preprocess: images are not prepared as they were for" in message
        assert "\n" not in message
    table = message.partition("preprocess = ")[2]
    assert table == (
        '[{op = "center_crop", size = [8, 8]}, {op = "standardize", mean = [123.675, 116.28, 103.53], '
        "std = [58.395, 57.12, 57.375]}]"
    )
    assert not _warned(caplog, published(f"preprocess={table}"))
    same = 'preprocess=[{op="scale"},{op="standardize",mean=[0.485,0.456,0.406],std=[0.229,0.224,0.225]}]'
    assert not _warned(caplog, published(same))
    assert not _warned(caplog, published(weights="own.keras"))


def _mirrored(run):
    with np.load(load_recipe(run / "recipe.toml").data.path) as data:
        return data["x_test"], data["x_test"][:, :, ::-1]


@pytest.mark.exhaustive
def test_a_run_of_turned_images_is_judged_and_exported_so(published, tmp_path, command):
    table = 'preprocess=[{op="bgr"},{op="subtract_mean",mean=[104,117,123]}]'
    run = kerasnets.train(published(table), tmp_path / "run")
    trained = open_run(run, "test")
    images = np.random.default_rng(1).integers(0, 256, (4, 8, 8, 3)).astype("uint8")
    right = np.asarray(
        keras.ops.softmax(trained.network(images[..., ::-1].astype("float32") - [104, 117, 123]))
    )
    for form in ((), ("--format", "onnx")):
        code, _, errors = command("export", run, *form)
        assert code == 0, errors
    loaded = tf.saved_model.load(str(tmp_path / "run" / "export" / "1"))
    found = loaded.signatures["serve_uint8"](images=tf.constant(images))["probabilities"]
    np.testing.assert_allclose(found, right, atol=1e-5)
    onnxruntime = pytest.importorskip("onnxruntime")
    (file,) = (tmp_path / "run" / "export").glob("*.onnx")
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (found,) = session.run(["probabilities"], {session.get_inputs()[0].name: images})
    np.testing.assert_allclose(found, right, atol=1e-5)
    crops = kerasnets.evaluate(run, views="ten_crop", short_sides=[8])  # the whole image and its mirror image
    mirrored = [
        trained.predict(each[..., ::-1].astype("float32") - [104, 117, 123]) for each in _mirrored(run)
    ]
    assert crops.accuracy == np.mean(np.mean(mirrored, 0).argmax(1) == np.arange(16, 24) % 3)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ('[{op="standardize",mean=[1.0]}]', "found one of mean and std, allowed: both or none"),
        ('[{op="subtract_mean",per="pixel",mean=[1.0]}]', 'allowed: only with per = "channel"'),
        ('[{op="standardize",mean=[1.0],std=[0.0]}]', "std.0: found 0.0, allowed: greater than 0"),
        (
            '[{op="scale"},{op="subtract_mean",mean=[1.0,2.0]}]',
            "preprocess.1.mean: found 2 numbers, allowed: 1",
        ),
        ('[{op="bgr"}]', "preprocess.0: found bgr, allowed: images of 3 channels; these have 1"),
    ],
)
def test_numbers_that_are_not_the_channels_are_refused(steps, said, tmp_path):
    with pytest.raises(UserError) as refusal:
        kerasnets.train(load_recipe("lenet5-digits", [f"preprocess={steps}"]), tmp_path / "run")
    assert said in str(refusal.value)
    assert not (tmp_path / "run").exists()
