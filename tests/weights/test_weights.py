"""Published weights: the outputs that torchvision, timm, keras.applications and trained networks give."""

import zipfile

import keras
import numpy as np
import pytest
from places import SHARED, WEIGHTS, needs_weights
from published_weights import drawn_state, relative_difference
from safetensors.numpy import save_file
from seeded import seeded_images
from small import small_input
from undiagnosed import UNDIAGNOSED

import kerasnets
from kerasnets.data.sources.load import load_dataset
from kerasnets.errors import UserError
from kerasnets.recipe import load_recipe
from kerasnets.runs.directory import RunDirectory
from kerasnets.sizing.layers import shapes_only
from kerasnets.weights.freezing import freeze
from kerasnets.weights.loading import load_weights, matched
from kerasnets.weights.naming.keras_networks import COUNTERPARTS
from kerasnets.weights.naming.keras_pairing import paired_state


@needs_weights
@pytest.mark.parametrize("depth", [20, 32, 44, 56])
def test_trained_cifar_resnets_give_their_logits(depth):
    pillow = pytest.importorskip("PIL.Image")
    sheet = np.asarray(pillow.open(sorted((SHARED / "data/cifar10").glob("test_*.webp"))[0]).convert("RGB"))
    images = sheet.reshape(40, 32, 25, 32, 3).transpose(0, 2, 1, 3, 4).reshape(-1, 32, 32, 3)[:64] / 255
    images = (images - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    model = kerasnets.build(f"resnet{depth}")
    load_weights(model, WEIGHTS / f"cifar_resnet{depth}.npz")
    right = np.load(WEIGHTS / "cifar_resnet_logits_first64_test.npz")[f"resnet{depth}"]
    assert relative_difference(np.asarray(model(images.astype("float32"))), right) < 1e-4


@needs_weights
@pytest.mark.slow
@pytest.mark.parametrize(("depth", "right"), [(20, 9173), (32, 9263), (44, 9311), (56, 9339)])
def test_trained_cifar_resnets_are_right_as_often_as_measured(depth, right):
    try:
        test = load_dataset("cifar10").test
    except UserError as missing:
        pytest.skip(str(missing))
    model = kerasnets.build(f"resnet{depth}")
    load_weights(model, WEIGHTS / f"cifar_resnet{depth}.npz")
    images = (test.images / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    classes = model.predict(images.astype("float32"), batch_size=250, verbose=0).argmax(axis=1)
    assert (classes == test.labels).sum() == right


@needs_weights
def test_trained_googlenet_gives_its_logits():
    reference = np.load(WEIGHTS / "googlenet_bvlc_reference_16.npz")
    model = kerasnets.build("googlenet")
    load_weights(model, WEIGHTS / "googlenet_bvlc.npz")
    logits = np.asarray(model(reference["input224_bgr_nhwc"].astype("float32")))
    assert relative_difference(logits, reference["logits"]) < 1e-3
    top = [np.argsort(-each, axis=1)[:, :5] for each in (logits, reference["logits"])]
    np.testing.assert_array_equal(*top)


def _small(name, classes=5, **options):
    model = kerasnets.build(name, small_input(name), classes, **options)
    return model, {each.path: np.array(each) for each in model.weights}


def _unchanged(model, before):
    return all(np.array_equal(each, before[each.path]) for each in model.weights)


def test_kinds_of_files_hold_the_same(tmp_path):
    model, _ = _small("resnet18")
    state = drawn_state(model)
    np.savez(tmp_path / "a.npz", **state, **{"bn1.num_batches_tracked": np.int64(3)})
    save_file(
        {f"module.{name}": np.ascontiguousarray(array) for name, array in state.items()},
        tmp_path / "a.safetensors",
    )
    load_weights(model, tmp_path / "a.npz")
    logits = np.asarray(model(seeded_images(32)))
    model.save(tmp_path / "a.keras")
    model.save_weights(tmp_path / "a.weights.h5")
    own = {f"{layer.name}/{each.name}": np.array(each) for layer in model.layers for each in layer.weights}
    np.savez(tmp_path / "own.npz", **own)
    for file in ("a.safetensors", "a.keras", "a.weights.h5", "own.npz"):
        other, _ = _small("resnet18")
        load_weights(other, tmp_path / file)
        np.testing.assert_array_equal(other(seeded_images(32)), logits, err_msg=file)


def test_a_new_head_is_kept_and_the_rest_is_loaded(tmp_path):
    source, _ = _small("vgg11", units=16)
    np.savez(tmp_path / "a.npz", **drawn_state(source, "torchvision"))
    model, before = _small("vgg11", classes=3, units=16)
    with pytest.raises(UserError, match=r"1 .*misshapen: classifier.6.weight 5x16.*--new-head") as caught:
        load_weights(model, tmp_path / "a.npz")
    assert "\n" not in str(caught.value)
    assert _unchanged(model, before)
    load_weights(model, tmp_path / "a.npz", new_head=True)
    changed = {each.path for each in model.weights if not np.array_equal(each, before[each.path])}
    assert changed == before.keys() - {"fc8/kernel", "fc8/bias"}


@pytest.mark.parametrize("kind", ["w.keras", "w.weights.h5"])
def test_kerass_own_files_of_other_classes_name_the_new_head(kind, tmp_path):
    """Weights alone have no graph that says how many classes they are for."""
    source, _ = _small("resnet_cifar", classes=5, depth=8)
    source.save(tmp_path / kind) if kind == "w.keras" else source.save_weights(tmp_path / kind)
    model, before = _small("resnet_cifar", classes=3, depth=8)
    with pytest.raises(
        UserError, match=r"misshapen: fc/kernel 64x5 for fc 64x3, .*; --new-head starts"
    ) as caught:
        load_weights(model, tmp_path / kind)
    assert "\n" not in str(caught.value)
    assert _unchanged(model, before)
    load_weights(model, tmp_path / kind, new_head=True)
    np.testing.assert_array_equal(model.get_layer("stem_conv").kernel, source.get_layer("stem_conv").kernel)
    np.testing.assert_array_equal(model.get_layer("fc").kernel, before["fc/kernel"])


@pytest.mark.exhaustive
def test_a_file_without_dense_layers_serves_a_new_head(tmp_path):
    source = keras.applications.VGG16(weights=None, include_top=False)
    source.save_weights(tmp_path / "notop.weights.h5")
    model, before = _small("vgg16", units=16)
    with pytest.raises(UserError, match="missing: fc6/kernel"):
        load_weights(model, tmp_path / "notop.weights.h5")
    assert _unchanged(model, before)
    load_weights(model, tmp_path / "notop.weights.h5", new_head=True)
    np.testing.assert_array_equal(model.get_layer("conv5_3").kernel, source.get_layer("block5_conv3").kernel)
    np.testing.assert_array_equal(model.get_layer("fc6").kernel, before["fc6/kernel"])


def test_auxiliary_heads_of_the_file_may_be_left(tmp_path):
    with_heads = kerasnets.build("googlenet_bn", (79, 79, 3), 5, auxiliary=True)
    state = drawn_state(with_heads)
    assert any(name.startswith("aux1.conv.conv") for name in state)
    model, before = _small("googlenet_bn")
    np.savez(tmp_path / "a.npz", **state)
    load_weights(model, tmp_path / "a.npz")
    assert not _unchanged(model, before)
    del state["aux2.fc2.bias"]
    np.savez(tmp_path / "a.npz", **state)
    with pytest.raises(UserError, match=r"1 missing: aux2.fc2.bias"):
        load_weights(with_heads, tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("name", "options", "source", "said"),
    [
        ("resnet50", {}, "torchvision", "build with version = 1.5"),
        ("inception_v3", {"count_zeros": False}, "torchvision", "build with count_zeros = true"),
    ],
)
def test_weights_of_another_geometry_are_refused(name, options, source, said, tmp_path):
    model, before = _small(name, **options)
    np.savez(tmp_path / "a.npz", **drawn_state(model, source))
    with pytest.raises(UserError, match=said):
        load_weights(model, tmp_path / "a.npz")
    assert _unchanged(model, before)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [("resnet50", {"version": 1.5}, "version = 1"), ("inception_v3", {}, "count_zeros = false")],
)
def test_keras_weights_of_another_geometry_are_refused(name, options, said):
    model, _ = _small(name, **options)
    with shapes_only():
        source = getattr(keras.applications, COUNTERPARTS[name])(weights=None)
    with pytest.raises(UserError, match=said):
        paired_state(model, source, "file")


def test_what_does_not_fit_is_listed(tmp_path):
    model, before = _small("resnet18")
    state = drawn_state(model)
    del state["conv1.weight"]
    state |= {"layer1.0.bn1.weight": np.ones(3, "float32"), "extra.bias": np.ones(2, "float32")}
    np.savez(tmp_path / "a.npz", **state)
    with pytest.raises(UserError) as caught:
        load_weights(model, tmp_path / "a.npz")
    message = str(caught.value)
    assert "\n" not in message
    for said in (
        "a.npz: does not fit resnet18 (torchvision and timm)",
        "1 missing: conv1.weight",
        "1 left over: extra.bias",
        "1 misshapen: layer1.0.bn1.weight 3 for stage2_block1_conv1_bn 64",
    ):
        assert said in message
    assert _unchanged(model, before)


@pytest.mark.parametrize("odd", [np.float32(1), np.ones(3), np.full((5, 512), "a"), np.ones((5, 512), bool)])
def test_tensors_that_are_no_kernels_are_refused(odd):
    model, before = _small("resnet18")
    with pytest.raises(UserError, match=r"1 misshapen: fc\.weight"):
        matched(model, drawn_state(model) | {"fc.weight": np.asarray(odd)}, "file")
    assert _unchanged(model, before)


def test_files_that_hold_no_such_weights(tmp_path):
    model, before = _small("resnet18")
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    kerasnets.build("convnet10").save(tmp_path / "other.keras")
    kerasnets.build("convnet10").save_weights(tmp_path / "other.weights.h5")
    (tmp_path / "broken.keras").write_bytes(b"PK\x03\x04 nothing")
    (tmp_path / "broken.h5").write_bytes(b"nothing")
    with zipfile.ZipFile(tmp_path / "empty.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    for file, said in {
        "other.npz": "no tensor has a name that resnet18 knows: found a",
        "other.keras": "does not fit resnet18 .*100 missing: stem_conv/kernel",
        "other.weights.h5": "not weights of resnet18",
        "broken.keras": "not readable as a Keras model",
        "broken.h5": "not weights of resnet18",
        "empty.keras": "not readable as a Keras model",
        "none.keras": "no such file",
        "none.pth": "no such file",
    }.items():
        with pytest.raises(UserError, match=said) as caught:
            load_weights(model, tmp_path / file)
        assert "\n" not in str(caught.value), file
    with pytest.raises(UserError, match=r"found no resnet18 in keras\.applications, allowed: vgg16"):
        load_weights(model, "imagenet")
    assert _unchanged(model, before)


def test_freezing_takes_what_a_layer_depends_on():
    model, _ = _small("resnet18")
    freeze(model, "stage3_block1_add")
    frozen = {layer.name for layer in model.layers if not layer.trainable}
    assert {"stem_conv", "stage3_block1_conv2_bn", "stage3_block1_shortcut"} <= frozen
    assert not {"stage3_block1_relu", "stage3_block2_conv1", "fc"} & frozen
    for last, said in {"stage3": "found no layer 'stage3'", "fc": "something left to train after it"}.items():
        with pytest.raises(UserError, match=said):
            freeze(model, last)


def test_transfer_to_other_classes(default_run, image_folder, tmp_path, quick_recipe, refused, command):
    """A trained run's weights, its classifier left out, its convolutions frozen: as a user would."""
    folder = ["data.source=folder", f"data.path={image_folder}", "data.channels=1", "train.batch_size=8"]
    folder += UNDIAGNOSED
    settings = [part for each in (*folder, "train.epochs=2", "model.freeze=s4") for part in ("--set", each)]
    arguments = ("train", "lenet5-digits", "--run", tmp_path / "run", *settings)
    weights = ("--weights", default_run / "model.keras")
    message = refused(*arguments, *weights)
    assert "model.weights" in message
    assert "--new-head starts the classifier anew" in message
    assert not (tmp_path / "run" / "recipe.toml").exists()
    code, output, errors = command(*arguments, *weights, "--new-head")
    assert code == 0, errors
    assert "the classifier starts anew" in output
    source, tuned = (keras.models.load_model(run / "model.keras") for run in (default_run, tmp_path / "run"))
    for name in ("c1", "c3"):
        np.testing.assert_array_equal(source.get_layer(name).kernel, tuned.get_layer(name).kernel)
    assert not np.array_equal(source.get_layer("f6").kernel, tuned.get_layer("f6").kernel)
    assert tuned.output_shape == (None, 3)
    assert load_recipe(tmp_path / "run" / "recipe.toml").model.new_head


def test_a_resumed_run_needs_its_weights_no_more(default_run, tmp_path, quick_recipe):
    published = tmp_path / "published.keras"
    published.write_bytes((default_run.path / "model.keras").read_bytes())
    recipe = quick_recipe(f"model.weights={published}")
    with pytest.MonkeyPatch.context() as patch:

        def interrupted(*arguments, **options):
            raise KeyboardInterrupt

        patch.setattr("kerasnets.training.run.finish_run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            kerasnets.train(recipe, tmp_path / "run")
    published.unlink()
    kerasnets.train(recipe, tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "result.json").is_file()


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["model.weights=nowhere.pth"], "model.weights: .*nowhere.pth: no such file"),
        (["model.freeze=c33"], "model.freeze: found no layer 'c33'.*did you mean 'c3'"),
        (["initialization.zero_gamma=true"], "initialization: zero_gamma: found no residual branch"),
    ],
)
def test_recipes_that_start_from_what_is_not_there(overrides, said, tmp_path, quick_recipe):
    with pytest.raises(UserError, match=said):
        kerasnets.train(quick_recipe(*overrides), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.exhaustive
def test_auxiliary_heads_are_trained_and_left_behind(tmp_path, quick_recipe):
    """Szegedy 2014, section 5: 0.3 times each head's loss is added; the heads are discarded afterwards."""
    images = np.random.default_rng(0).integers(0, 256, (12, 79, 79, 3), "uint8")
    np.savez(tmp_path / "data.npz", x_train=images[:8], y_train=np.arange(8) % 2, x_test=images[8:],
             y_test=np.arange(4) % 2)  # fmt: skip
    recipe = quick_recipe(
        "data.source=npz", f"data.path={tmp_path / 'data.npz'}", "data.validation=0.0", "augment=[]",
        'preprocess=[{op="standardize"}]', "model.name=googlenet", "model.options.auxiliary=true",
        "train.epochs=1", "train.batch_size=4", *UNDIAGNOSED,
        "initialization.kernel=he_normal",
    )  # fmt: skip
    run = RunDirectory(kerasnets.train(recipe, tmp_path / "run"))
    with np.load(run.checkpoint(0)) as before, np.load(run.checkpoint(1)) as after:
        for name in ("model/aux1_fc2/kernel", "model/aux2_conv/kernel", "model/fc/kernel"):
            assert not np.array_equal(before[name], after[name])
    kept = keras.models.load_model(run.model_file)
    assert kept.output_shape == (None, 2)
    assert not [layer for layer in kept.layers if layer.name.startswith("aux")]
    assert kerasnets.evaluate(run.path).images == 4
