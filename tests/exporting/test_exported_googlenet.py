"""A run of the trained GoogLeNet, exported and run where neither kerasnets nor Keras is."""

import numpy as np
import pytest
import tensorflow as tf
from places import WEIGHTS, needs_weights
from served import files_as_inputs, served
from untrained_runs import write_run

import kerasnets
from kerasnets.weights.imagenet_classes import imagenet_classes

CROP = "{op='resize', short_side=256}, {op='center_crop', size=[224, 224]}"
VALUES = "{op='bgr'}, {op='subtract_mean', mean=[104, 117, 123]}"


@needs_weights
@pytest.mark.exhaustive
@pytest.mark.parametrize("steps", [VALUES, f"{CROP}, {VALUES}"], ids=["exact", "cropped"])
def test_sixteen_photos_give_the_references_first_five(steps, tmp_path):
    """The exact pixels that the reference was fed; and, cropped out of larger images, the same ones."""
    reference = np.load(WEIGHTS / "googlenet_bvlc_reference_16.npz")
    pixels = (reference["input224_bgr_nhwc"].astype("float32") + np.array([104, 117, 123]))[..., ::-1]
    pixels = pixels.round().astype("uint8")
    if "crop" in steps:
        pixels = np.pad(pixels, ((0, 0), (16, 16), (16, 48), (0, 0)))[:, :, :256]
    files = [tf.io.encode_png(image).numpy() for image in pixels]
    names = [name for _, name in imagenet_classes()]
    # two birds are cranes, and two suits maillots
    names = [f"{name} {number}" for number, name in enumerate(names)]
    run = write_run(
        tmp_path / "run",
        ["model.name=googlenet", f"preprocess=[{steps}]"],
        classes=names,
        samples=files[:2],
        image_shape=(None, None, 3) if "crop" in steps else (224, 224, 3),
        set_weights=lambda network: kerasnets.load_weights(network, WEIGHTS / "googlenet_bvlc.npz"),
    )
    model = kerasnets.export(run)
    with served(tmp_path) as ask:
        of_files, _ = ask(model, files_as_inputs("serve_bytes", files))
        of_pixels, _ = ask(model, {"serve_uint8/images": pixels})
    right = np.array(names)[np.argsort(-reference["logits"], axis=1)[:, :5]]
    np.testing.assert_array_equal(of_files["serve_bytes/top_labels"].astype(str), right)
    np.testing.assert_array_equal(of_pixels["serve_uint8/top_labels"].astype(str), right)
