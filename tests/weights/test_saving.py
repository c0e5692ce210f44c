"""Weights that are written: in PyTorch's names and layouts what was read from them, else in our own."""

import keras
import numpy as np
import pytest
from published_weights import assign_state, drawn_state
from safetensors.numpy import load_file
from small import FAMILIES, small_input
from sweep import sweep

import kerasnets
from kerasnets.models import BUILDERS
from kerasnets.weights.loading import load_weights
from kerasnets.weights.naming.conventions import conventions, published_networks
from kerasnets.weights.saving import named_weights, save_weights

OPTIONS = {"resnet50": {"version": 1.5}, "resnet101": {"version": 1.5}, "resnet152": {"version": 1.5}}
"""With which PyTorch has these networks."""

OURS = "kerasnets"


def _theirs(name):
    return name != "googlenet" and name in published_networks()


@pytest.mark.parametrize(
    "name",
    sweep([each for each in BUILDERS if _theirs(each)], quick=("vgg11_bn", "resnet18", "googlenet_bn")),
)
def test_names_and_layouts_are_those_of_pytorch(name):
    model = kerasnets.build(name, small_input(name), 5, **OPTIONS.get(name, {}))
    state = drawn_state(model)
    assign_state(model, state, "drawn")
    weights = named_weights(model)
    assert weights.source == conventions(name)[0].source
    assert weights.arrays.keys() == state.keys()
    for key, array in weights.arrays.items():
        np.testing.assert_array_equal(array, state[key], err_msg=key)


@pytest.mark.parametrize("name", sweep(BUILDERS, quick=FAMILIES))
def test_what_is_written_is_read_into_another_network(name, tmp_path):
    model, other = (kerasnets.build(name, small_input(name), 5) for _ in range(2))
    source = save_weights(model, tmp_path / "a.safetensors")
    load_weights(other, tmp_path / "a.safetensors")
    for one, another in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(one, another)
    assert (source == OURS) == (not _theirs(name) or name in OPTIONS)


def test_a_network_that_is_not_quite_theirs_has_our_names(tmp_path):
    network = kerasnets.build("resnet50", (32, 32, 3), 5)  # its stride is in the 1x1, PyTorch's in the 3x3
    assert save_weights(network, tmp_path / "a.safetensors") == OURS
    assert "fc/kernel" in load_file(tmp_path / "a.safetensors")
    image = keras.random.uniform((1, 32, 32, 3))
    other = kerasnets.build("resnet50", (32, 32, 3), 5)
    load_weights(other, tmp_path / "a.safetensors")
    np.testing.assert_array_equal(network(image), other(image))
