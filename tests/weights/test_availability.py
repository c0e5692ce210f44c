"""Published weights are found where they lie, and it is said where they were looked for."""

import keras
import numpy as np
import pytest
from published_weights import drawn_state
from sweep import sweep

import kerasnets
from kerasnets.errors import UserError
from kerasnets.weights.availability import (
    KERAS_ADDRESS,
    KERAS_FILES,
    NoWeights,
    find_weights,
    keras_file,
    weights_of_file,
)
from kerasnets.weights.naming.conventions import conventions
from kerasnets.weights.naming.keras_networks import COUNTERPARTS
from kerasnets.weights.published_input import CAFFE, IMAGENET, KERAS_APPLICATIONS


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch, tmp_path):
    """No weights but those of the test: an empty cache of Keras, and a network that refuses at once."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("KERASNETS_WEIGHTS", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of two networks, by names that others give them."""
    root = tmp_path_factory.mktemp("weights")
    for name, file in (("resnet18", "resnet18-f37072fd.npz"), ("googlenet", "bvlc_googlenet.npz")):
        model = kerasnets.build(name)
        source = "BVLC" if name == "googlenet" else "torchvision"
        state = drawn_state(model, source)
        if name == "googlenet":  # Keras's layout
            own = {path: variable for path, (_, variable) in _bvlc(model).items()}
            state = {path: np.asarray(variable) for path, variable in own.items()}
        np.savez(root / file, **state)
    (root / "notes.txt").write_text("resnet18")
    return root


def _bvlc(model):
    return next(each for each in conventions("googlenet") if each.source == "BVLC").tensors(model)


def test_a_file_says_which_network_it_is_of(folder, tmp_path):
    found = weights_of_file(folder / "resnet18-f37072fd.npz")
    assert (found.network, found.options, found.values) == ("resnet18", {}, IMAGENET)
    nameless = tmp_path / "model.npz"
    nameless.symlink_to(folder / "bvlc_googlenet.npz")
    found = weights_of_file(nameless)
    assert (found.network, found.values) == ("googlenet", CAFFE)


def test_a_file_of_another_network_is_refused(folder):
    with pytest.raises(UserError, match="vgg11"):
        weights_of_file(folder / "resnet18-f37072fd.npz", "vgg11")
    with pytest.raises(UserError, match="no such file"):
        weights_of_file(folder / "resnet34.npz")


def test_torchvisions_bottlenecks_are_built_as_torchvision_has_them(tmp_path):
    np.savez(tmp_path / "resnet50.npz", **drawn_state(kerasnets.build("resnet50", version=1.5)))
    assert weights_of_file(tmp_path / "resnet50.npz").options == {"version": 1.5}


def test_the_folder_is_searched_in_the_order_of_the_networks(folder, monkeypatch):
    monkeypatch.setenv("KERASNETS_WEIGHTS", str(folder))
    assert find_weights(("resnet50", "googlenet", "resnet18")).file == str(folder / "bvlc_googlenet.npz")
    assert find_weights(("resnet18", "googlenet")).network == "resnet18"


def test_kerass_cache_is_searched_and_then_what_would_help_is_named():
    missing = find_weights(("googlenet", "resnet50"))
    assert isinstance(missing, NoWeights)
    assert "KERASNETS_WEIGHTS names no folder" in str(missing)
    assert str(keras_file("resnet50")) in missing.helpful
    assert "\n" not in str(missing)
    keras_file("resnet50").parent.mkdir(parents=True)
    keras_file("resnet50").touch()
    found = find_weights(("googlenet", "resnet50"))
    assert (found.network, found.file, found.values) == (
        "resnet50",
        "imagenet",
        KERAS_APPLICATIONS["resnet50"],
    )


@pytest.mark.parametrize("name", sweep(sorted(KERAS_FILES), quick=("vgg16",)))
def test_kerass_cache_has_these_names(name, monkeypatch):
    """Keras asks for the file of this name, in this folder, at this address."""
    asked = []

    def get_file(*args, **options):
        asked.append((args, options))
        raise ConnectionError

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    with pytest.raises(ConnectionError):
        getattr(keras.applications, COUNTERPARTS[name])(weights="imagenet")
    ((args, options),) = asked
    assert args[0] == keras_file(name).name
    assert (args[1] if len(args) > 1 else options["origin"]) == KERAS_ADDRESS + KERAS_FILES[name]
    assert options["cache_subdir"] == "models"
