"""The outputs of torchvision's, timm's and keras.applications' networks, with weights of theirs in ours."""

import keras
import numpy as np
import pandas as pd
import pytest
from places import TESTS
from published_weights import assign_state, drawn_state, relative_difference
from seeded import seeded_images
from sweep import sweep

import kerasnets
from kerasnets.weights.loading import load_weights
from kerasnets.weights.naming.conventions import conventions
from kerasnets.weights.naming.keras_networks import COUNTERPARTS
from kerasnets.weights.naming.keras_pairing import paired_state

REFERENCE = pd.read_csv(TESTS / "reference_outputs.csv")


@pytest.mark.parametrize("column", sweep(REFERENCE.columns, quick=["googlenet_bn", "resnet18"]))
def test_torchvisions_and_timms_outputs(column):
    keras.backend.clear_session()
    name, _, source = column.partition("/")
    version = {"version": 1.5} if name in ("resnet50", "resnet101", "resnet152") else {}
    model = kerasnets.build(name, **version)
    assign_state(model, drawn_state(model, source), "the drawn weights")
    logits = np.asarray(model(seeded_images(model.input_shape[1]), training=False))[:, :16]
    assert relative_difference(logits.flatten(), REFERENCE[column]) < 1e-4


@pytest.mark.parametrize("name", sweep(COUNTERPARTS))
def test_keras_applications_outputs(name, tmp_path):
    keras.backend.clear_session()
    make = getattr(keras.applications, COUNTERPARTS[name])
    source = make(weights=None, input_shape=(96, 80, 3), classes=10, classifier_activation=None)
    generator = np.random.default_rng(0)
    for variable in source.weights:
        low, high = (0.5, 1.5) if variable.name in ("gamma", "moving_variance") else (-0.3, 0.3)
        if variable.name != "kernel":
            variable.assign(generator.uniform(low, high, variable.shape))
    options = {"count_zeros": False} if name == "inception_v3" else {}
    model = kerasnets.build(name, (96, 80, 3), 10, **options)
    if name == "vgg16":
        source.save(tmp_path / "source.keras")
        load_weights(model, tmp_path / "source.keras")
    elif name == "resnet50":
        source.save_weights(tmp_path / "source.weights.h5")
        load_weights(model, tmp_path / "source.weights.h5")
    elif name == "inception_v3":
        source.save(tmp_path / "source.h5")  # the kind of file that keras.applications downloads
        load_weights(model, tmp_path / "source.h5")
    else:  # reading the larger files again takes most of a minute, and shows no more
        assign_state(model, paired_state(model, source, "source"), "source", allowed=conventions(name)[-1:])
    images = generator.normal(size=(2, 96, 80, 3)).astype("float32")
    assert relative_difference(np.asarray(model(images)), np.asarray(source(images))) < 1e-4
