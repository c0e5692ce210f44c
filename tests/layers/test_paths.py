"""Layers chosen by name or pattern."""

import pytest

from kerasnets.layers.paths import matching_paths

PATHS = ["stem/conv1", "block1/conv1", "block1/conv2", "fc"]


def test_patterns_choose_layers_in_the_models_order():
    assert matching_paths(PATHS, "fc") == ["fc"]
    assert matching_paths(PATHS, ["fc", "*/conv1"]) == ["stem/conv1", "block1/conv1", "fc"]
    assert matching_paths(PATHS, "block1/conv[12]") == ["block1/conv1", "block1/conv2"]
    assert matching_paths(PATHS, "*") == PATHS
    with pytest.raises(ValueError, match=r"layers: found 'conv9', which no layer matches, allowed: stem/"):
        matching_paths(PATHS, ["fc", "conv9"])
