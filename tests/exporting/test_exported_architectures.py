"""Every architecture answers as its run is evaluated, in a process with neither kerasnets nor Keras."""

import io

import numpy as np
import pytest
from PIL import Image
from small import small_input
from sweep import sweep
from tensorflow_alone import files_as_inputs, tensorflow_alone
from untrained_runs import write_run

import kerasnets
from kerasnets.data.dataset import Split
from kerasnets.exporting.saved_model import write_saved_model
from kerasnets.inference.evaluate import predict_split
from kerasnets.models import BUILDERS
from kerasnets.runs.ensemble import open_runs

SOME = ("lenet5", "convnet10", "alexnet_grouped", "zfnet", "vgg11_bn", "googlenet", "resnet20", "resnet50")
"""Those of every kind of block that are written within a minute; later Inceptions take several."""

CLASSES = [f"class {number}" for number in range(7)]


@pytest.fixture(scope="module")
def photos():
    """Files of one picture by name: turned, grey, of printing colours, deep, transparent, of all sizes."""
    draws = np.random.default_rng(0).integers(0, 256, (9, 13, 3), "uint8")
    picture = Image.fromarray(draws).resize((130, 90), Image.Resampling.BICUBIC)
    turned = Image.Exif()
    turned[0x0112] = 6
    faded = picture.copy()
    faded.putalpha(picture.convert("L"))
    deep = Image.fromarray(np.asarray(picture.convert("L")).astype("uint16") * 257)
    return {
        "landscape.jpg": _encoded(picture, "JPEG"),
        "portrait.jpg": _encoded(picture.transpose(Image.Transpose.ROTATE_90), "JPEG"),
        "turned.jpg": _encoded(picture, "JPEG", exif=turned),
        "grey.jpg": _encoded(picture.convert("L"), "JPEG"),
        "printing.jpg": _encoded(picture.convert("CMYK"), "JPEG"),
        "deep.png": _encoded(deep, "PNG"),
        "transparent.png": _encoded(faded, "PNG"),
    }


def _encoded(image, format, **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    with tensorflow_alone(tmp_path_factory.mktemp("served")) as asked:
        yield asked


def _draw(network):
    """Give a network weights of which every layer has some, and logits of about unit variance."""
    draws = np.random.default_rng(0)
    for weight in network.weights:
        if weight.path.endswith(("moving_mean", "beta", "bias")):
            weight.assign(draws.uniform(-0.2, 0.2, weight.shape))
        elif weight.path.endswith(("moving_variance", "gamma")):
            weight.assign(draws.uniform(0.7, 1.3, weight.shape))
    last = [layer for layer in network.layers if layer.weights][-1]
    if hasattr(last, "kernel"):
        logits = network(draws.standard_normal((8, *network.input_shape[1:]), "float32"), training=False)
        last.kernel.assign(last.kernel / np.std(logits, axis=0).mean())


def _probabilities(run, paths):
    """Return what `kerasnets.predict` says of files, (files, classes)."""
    table = kerasnets.predict(run, paths, top=len(CLASSES))
    pivoted = table.pivot(index="image", columns="label", values="probability")
    return pivoted.loc[[str(path) for path in paths], CLASSES].to_numpy()


@pytest.mark.parametrize("name", sweep(BUILDERS, thorough=SOME))
def test_it_answers_as_the_run_is_evaluated(name, photos, ask, tmp_path):
    height, width, channels = small_input(name)
    draws = np.random.default_rng(1)
    raw = draws.integers(0, 256, (17, height + 5, width + 9, channels), "uint8")
    run = write_run(
        tmp_path / "run",
        [
            f"model.name={name}",
            f"preprocess=[{{op='resize', size=[{height}, {width}]}}, {{op='scale', to=[-1, 1]}}]",
            f"data.channels={channels}",
        ],
        classes=CLASSES,
        samples=list(photos.values()),
        image_shape=(None, None, channels),
        set_weights=_draw,
    )
    members, model = open_runs(run, "test"), tmp_path / "model"
    write_saved_model(members, model)
    paths = [tmp_path / file for file in photos]
    for path, contents in zip(paths, photos.values(), strict=True):
        path.write_bytes(contents)
    (trained,) = members
    of_raw = predict_split(
        trained, Split(raw, np.zeros(17, "int64")), views=None, short_sides=None
    ).predictions
    of_files = _probabilities(run, paths)
    for count in (1, 17):
        inputs = {"serve_uint8/images": raw[:count], "serving_default/images": raw[:count].astype("float32")}
        answers, _ = ask(model, inputs)
        for signature in ("serve_uint8", "serving_default"):
            _assert_close(answers[f"{signature}/probabilities"], of_raw[:count])
    for files in ([*photos.values()] * 3)[:17], [*photos.values()][:1]:
        answers, _ = ask(model, files_as_inputs("serve_bytes", files))
        _assert_close(answers["serve_bytes/probabilities"], np.tile(of_files, (3, 1))[: len(files)])


def _assert_close(found, right):
    """Compare probabilities to 1e-5, relative to each image's highest."""
    highest = right.max(axis=1, keepdims=True)
    np.testing.assert_allclose(found / highest, right / highest, rtol=0, atol=1e-5)
