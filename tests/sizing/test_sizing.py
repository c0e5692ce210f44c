"""Sizes: the course's tables number for number, receptive fields against gradients."""

import csv
import io
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import kerasnets
from kerasnets.errors import UserError
from kerasnets.sizing.layers import layer_sizes, shapes_only
from kerasnets.sizing.receptive_field import receptive_fields
from kerasnets.sizing.stack import stack_sizes

VGG16 = """
    images  224x224x3    150528          0
    conv1_1 224x224x64  3211264       1728
    conv1_2 224x224x64  3211264      36864
    pool1   112x112x64   802816          0
    conv2_1 112x112x128 1605632      73728
    conv2_2 112x112x128 1605632     147456
    pool2   56x56x128    401408          0
    conv3_1 56x56x256    802816     294912
    conv3_2 56x56x256    802816     589824
    conv3_3 56x56x256    802816     589824
    pool3   28x28x256    200704          0
    conv4_1 28x28x512    401408    1179648
    conv4_2 28x28x512    401408    2359296
    conv4_3 28x28x512    401408    2359296
    pool4   14x14x512    100352          0
    conv5_1 14x14x512    100352    2359296
    conv5_2 14x14x512    100352    2359296
    conv5_3 14x14x512    100352    2359296
    pool5   7x7x512       25088          0
    fc6     4096           4096  102760448
    fc7     4096           4096   16777216
    fc8     1000           1000    4096000
"""
"""The course's table: layer, output, memory in floats, weights without biases."""

CONVNET10 = "conv10-3x3 relu conv10-3x3 relu pool2 " * 3 + "fc10"


def _vgg16():
    with shapes_only():
        return kerasnets.build("vgg16")


def test_vgg16_has_the_courses_memory_and_params():
    table = layer_sizes(_vgg16()).set_index("layer")
    for line in VGG16.split("\n")[1:-1]:
        layer, output, floats, weights = line.split()
        row = table.loc[layer]
        assert "x".join(map(str, row.output)) == output
        assert (row.activations, row.weights) == (int(floats), int(weights)), layer
    # the course prints a total of 24M floats; its own rows, which these are, sum to 15.2M
    assert table.activations.sum() == 15_237_608
    assert table.parameters.sum() == 138_357_544
    assert table.flops.sum() == 2 * 15_470_264_320


def test_vgg16_is_printed_as_the_course_prints_it(command):
    code, printed, _ = command("summary", "vgg16", "--memory", "12GiB")
    assert code == 0
    (row,) = [line for line in printed.splitlines() if line.startswith("conv1_1")]
    assert row.split() == [
        "conv1_1", "Conv2D", "224x224x64", "3,211,264", "1,728", "1,792", "86,704,128", "173,408,256", "3x3"
    ]  # fmt: skip
    assert "15,237,608 floats x 4 bytes = 61.0 MB an image" in printed
    assert "138,357,544 floats x 4 bytes = 553.4 MB" in printed
    assert "15,470,264,320 multiply-accumulates (MACs) = 30,940,528,640 FLOPs" in printed
    assert "largest batch in 12GiB: " in printed


def test_the_courses_sizing_example_by_hand():
    table = stack_sizes("32x32x3", CONVNET10.split())
    counts = (table.weights + table.biases)[lambda column: column > 0]
    assert counts.tolist() == [280, 910, 910, 910, 910, 910, 1610]
    assert table.output.iloc[-2] == (4, 4, 10)
    with shapes_only():
        built = layer_sizes(kerasnets.build("convnet10"))
    for column in ("activations", "weights", "macs", "flops"):
        assert table[column].sum() == built[column].sum()


def test_stride_padding_and_groups_are_alexnets():
    stack = "conv96-11x11-s4 pool3-s2 conv256-5x5-p2-g2 pool3-s2 conv384-3x3 pool3-s2 fc4096"
    table = stack_sizes("227x227x3", stack.split())
    shapes = [(55, 55, 96), (27, 27, 96), (27, 27, 256), (13, 13, 256), (13, 13, 384), (6, 6, 384), (4096,)]
    assert table.output[1:].tolist() == shapes
    assert table.weights[1] == 34_848
    assert table.weights[3] == 5 * 5 * 48 * 256


@pytest.mark.parametrize(
    ("volume", "layer", "unshared", "weights"),
    [("32x32x3", "conv5-5x5-p0", 294_000, 75 * 5), ("36x36x3", "conv30-5x5-p0", 2_304_000, 2_250)],
)
def test_sharing_saves_what_the_course_says(volume, layer, unshared, weights):
    row = stack_sizes(volume, [layer]).iloc[-1]
    assert (row.unshared, row.weights) == (unshared, weights)


@pytest.mark.parametrize("channels", [1, 64])
def test_three_3x3_against_one_7x7(channels):
    three = stack_sizes(f"32x32x{channels}", [f"conv{channels}-3x3"] * 3)
    one = stack_sizes(f"32x32x{channels}", [f"conv{channels}-7x7"])
    assert three.weights.sum() == 27 * channels**2
    assert one.weights.sum() == 49 * channels**2
    assert three.field.iloc[-1] == one.field.iloc[-1] == (7, 7)


@pytest.mark.parametrize(
    ("stack", "said"),
    [
        ("7x7x3 conv1-3x3-s3", "(7 - 3) / 3 + 1 = 2.33: a 3x3 filter at stride 3 does not fit a 7x7 input"),
        ("7x7x3 pool2", "(7 - 2) / 2 + 1 = 3.5: a 2x2 pool at stride 2 does not fit a 7x7 input"),
        (
            "2x2x3 conv1-5x5-p1",
            "(2 - 5 + 2*1) / 1 + 1 = 0: a 5x5 filter at stride 1 does not fit a 2x2 input",
        ),
        ("8x8x3 conv4-3x3-g2", "2 groups do not divide 3 channels and 4 filters evenly"),
        ("8x8x3 fc10 conv4-3x3", "conv4-3x3: comes after 10 units without height and width"),
        ("8x8x3 convv4", "convv4: not a layer, allowed: convN-FxF[-sS][-pP][-gG], "),
        ("8x8x3 conv4-3x3-s0", "conv4-3x3-s0: found 0, allowed: positive numbers"),
        ("8x8x3 conv4-3x3-s1-s2", "found -s twice"),
        ("8x8 relu", "8x8: not a volume, allowed: HEIGHTxWIDTHxCHANNELS"),
        ("8x8x3 relu --csv --json", "found --csv and --json, allowed: one of them"),
    ],
)
def test_what_cannot_be_sized_is_reported(refused, stack, said):
    assert said in refused("size", *stack.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("vgg17", "vgg17: not a name that `kerasnets list` gives, nor a run directory, nor a .toml file"),
        ("no/such.toml", "no/such.toml: no such recipe file"),
        ("vgg16 --input 224x224", "224x224: not a volume"),
        ("vgg16 --input 8x8x3", "cannot be built"),
        ("vgg16 --option depth", "--option depth: allowed: key=value"),
        ("vgg16 --option deep=3", "vgg16 has no option 'deep'"),
        ("lenet5-digits --option activation=relu", "a recipe has its own options"),
        ("lenet5 --batch 1 --optimizer sdg", "optimizer: found 'sdg', allowed: sgd, .*did you mean 'sgd'"),
        ("lenet5 --batch 1 --precision half", "precision: found 'half', allowed: float32, mixed_bfloat16"),
        ("lenet5 --memory 8", "8: not an amount of memory, allowed: a number and a unit"),
    ],
)
def test_what_cannot_be_summarized_is_reported(refused, arguments, said):
    line = refused("summary", *arguments.split())
    assert all(part in line for part in said.split(".*")), line


@pytest.mark.parametrize("arguments", ["summary lenet5 --batch 8 --memory 1GB", f"size 32x32x3 {CONVNET10}"])
def test_text_csv_and_json_agree(command, arguments):
    _, text, _ = command(*arguments.split())
    code, comma, _ = command(*arguments.split(), "--csv")
    assert code == 0
    code, printed, _ = command(*arguments.split(), "--json")
    assert code == 0
    parsed, rows = json.loads(printed), list(csv.DictReader(io.StringIO(comma)))
    for row, layer in zip(rows, parsed["layers"], strict=True):
        assert row["output"] == "x".join(map(str, layer["output"]))
        assert int(row["macs"]) == layer["macs"]
        assert f"{layer['macs']:,}" in text
    assert sum(int(row["macs"]) for row in rows) == parsed["totals"]["macs"]
    if "training" in parsed:
        assert parsed["training"]["batch"] == 8
        assert parsed["largest_batch"] > 8


def test_recipe_and_run_are_sized_as_what_they_train(command, default_run):
    code, of_run, errors = command("summary", default_run, "--json")
    assert code == 0, errors
    _, of_recipe, _ = command("summary", "lenet5-digits", "--json")
    of_run, of_recipe = json.loads(of_run), json.loads(of_recipe)
    assert of_run["totals"]["parameters"] == 61_706
    assert of_run["totals"] == of_recipe["totals"]
    assert of_run["training"] == of_recipe["training"]
    assert (of_recipe["training"]["batch"], of_recipe["training"]["optimizer"]) == (32, "sgd_momentum")


def test_a_folders_classes_are_not_guessed_silently(command, tmp_path):
    recipe = tmp_path / "photos.toml"
    recipe.write_text(
        'base = "lenet5-digits"\n[data]\nsource = "folder"\npath = "/nowhere"\n', encoding="utf-8"
    )
    _, printed, _ = command("summary", recipe)
    assert "images InputLayer 32x32x3" in " ".join(printed.split())
    assert "assumed: 10 classes, the architecture's own" in printed
    _, printed, _ = command("summary", recipe, "--classes", 3)
    assert "assumed" not in printed


def _seen(model, layer):
    """Height and width of the input pixels that the unit in the middle of a layer's output depends on."""
    inner = keras.Model(model.inputs, model.get_layer(layer).output)
    images = tf.constant(np.random.default_rng(0).normal(size=(1, *model.input_shape[1:])), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)
        output = inner(images)
        height, width = output.shape[1:3]
        unit = tf.reduce_sum(output[0, height // 2, width // 2])
    rows, columns = np.nonzero(np.abs(tape.gradient(unit, images)[0]).sum(-1))
    return np.ptp(rows) + 1, np.ptp(columns) + 1


def test_receptive_fields_are_what_gradients_reach():
    images = keras.Input((65, 65, 2))
    x = layers.Conv2D(3, (1, 7), padding="same", name="wide")(images)
    x = layers.ZeroPadding2D(1)(x)
    x = layers.Conv2D(3, 3, strides=2, kernel_initializer="ones", name="strided")(x)
    narrow = layers.Conv2D(3, 1, name="narrow")(x)
    deep = layers.Conv2D(3, 3, padding="same", dilation_rate=2, name="dilated")(x)
    x = layers.Concatenate(name="joined")([narrow, deep])
    x = layers.AveragePooling2D(3, strides=2, name="pool")(x)
    x = layers.Conv2D(2, 3, name="last")(x)
    model = keras.Model(images, layers.Dense(2, name="fc")(layers.GlobalAveragePooling2D()(x)))
    fields = receptive_fields(model)
    for name in ("wide", "strided", "narrow", "dilated", "joined", "pool", "last"):
        assert fields[name] == _seen(model, name), name
    assert fields["last"] == (23, 29)
    assert fields["fc"] == (65, 65)


@pytest.mark.parametrize(
    ("name", "layer", "pixels"),
    # Araujo 2019, table 1
    [
        ("vgg16", "pool5", 212),
        ("resnet50", None, 483),
        ("resnet101", None, 1027),
        ("inception_v3", None, 1311),
    ],
)
def test_receptive_fields_are_the_published(name, layer, pixels):
    with shapes_only():
        fields = receptive_fields(kerasnets.build(name))
    if layer is None:
        assert max(fields.values()) == (pixels, pixels)
    else:
        assert fields[layer] == (pixels, pixels)


def test_a_public_summary_takes_a_recipe():
    summary = kerasnets.summary(kerasnets.load_recipe("convnet10-cifar10"))
    assert summary.training["optimizer"] == "adam"
    assert summary.layers.parameters.sum() == 6_440
    written = json.loads(json.dumps(summary.to_dict()))
    assert (written["name"], written["totals"]["parameters"]) == ("convnet10-cifar10", 6_440)
    assert written["training"] == summary.training
    assert str(summary).splitlines()[0].split()[:2] == ["layer", "kind"]
    assert "training step of" in str(summary)
    with pytest.raises(UserError, match="optimizer: found 'lions'"):
        kerasnets.summary("lenet5", batch=1, optimizer="lions")
