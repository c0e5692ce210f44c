"""What people mean by data in one word."""

import pytest

from kerasnets.data.sources.named import named_data
from kerasnets.errors import UserError


def test_data_is_named_by_a_path_or_a_source(tmp_path, monkeypatch):
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "manifest.json").write_text("{}")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert named_data(tmp_path) == ("folder", str(tmp_path))
    assert named_data("~/packed") == ("tfrecord", str(tmp_path / "packed"))
    assert named_data("list.CSV") == ("csv", "list.CSV")
    assert named_data("some/images.npz") == ("npz", "some/images.npz")
    assert named_data("cifar10") == ("cifar10", None)
    assert named_data("tfds:imagenette/320px") == ("tfds:imagenette/320px", None)


@pytest.mark.parametrize("name", ["cifar", "folder", "tfds:", "nowhere/images"])
def test_what_names_no_data_is_refused(name):
    with pytest.raises(UserError, match=f"^{name}: found no folder and no such source, allowed: a folder of"):
        named_data(name)


def test_the_nearest_source_is_suggested():
    with pytest.raises(UserError, match="did you mean 'cifar10'"):
        named_data("cifar-10")
