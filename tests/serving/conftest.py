"""Exports to serve: the default run's, and two of which TensorFlow Serving's documentation has requests."""

from dataclasses import replace

import pytest

# Given this folder, pytest reads this file before tests/conftest.py has prepared TensorFlow: what loads it is
# imported in the fixtures.


@pytest.fixture(scope="session")
def digits(default_run, tmp_path_factory):
    """The default run's SavedModel: grey digits of 8x8 pixels."""
    from manifests import MANIFEST

    from kerasnets.exporting.saved_model import write_saved_model
    from kerasnets.runs.ensemble import open_runs

    path = tmp_path_factory.mktemp("export") / "1"
    members = open_runs(default_run, "serve")
    write_saved_model(members, path)
    first, of_model = members[0], {"classes": members[0].classes, "architectures": ("lenet5",)}
    steps = {"image_shape": first.preprocessing.image_shape, "spatial": (first.preprocessing.spatial_steps,)}
    replace(MANIFEST, name="model", **of_model, **steps, threshold=0.0).write(path.parent)
    return path


@pytest.fixture(scope="module")
def server(digits):
    """A server of it, of the name "digits"."""
    from running_server import served

    with served(digits, name="digits", seconds=20) as running:
        yield running


@pytest.fixture(scope="session")
def half_plus_three(tmp_path_factory):
    """The model of the documentation's example, version 123."""
    folder = tmp_path_factory.mktemp("half")
    import tensorflow as tf
    from documented_models import HalfPlusThree

    model = HalfPlusThree()
    tf.saved_model.save(model, str(folder / "123"), {"serving_default": model.__call__})
    return folder


@pytest.fixture(scope="session")
def three(tmp_path_factory):
    """A model of the documentation's three named inputs: tag, signal and sensor."""
    folder = tmp_path_factory.mktemp("three")
    import tensorflow as tf
    from documented_models import Three

    model = Three()
    tf.saved_model.save(model, str(folder / "1"), {"serving_default": model.__call__})
    return folder


@pytest.fixture
def remote(digits):
    from remote_server import Remote

    started = []

    def start(*options):
        started.append(Remote(digits.parent, *options))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()
