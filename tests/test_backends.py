"""Every architecture runs forward on Keras's other backends, where TensorFlow is never loaded."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN_ALL = """
import sys
import keras
import numpy as np
import kerasnets
from kerasnets.models import BUILDERS
from small import small_input

for name in BUILDERS:
    model = kerasnets.build(name, small_input(name), 3)
    images = np.random.default_rng(0).normal(size=(2, *model.input_shape[1:])).astype("float32")
    logits = keras.ops.convert_to_numpy(model(images))
    assert logits.shape == (2, 3), name
    assert np.isfinite(logits).all(), name
assert keras.backend.backend() == sys.argv[1]
assert "tensorflow" not in sys.modules
print(len(BUILDERS))
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_every_architecture_runs_forward(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed (extra: backends)")
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(Path(__file__).parent)}
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # compiling takes longer than running
    done = subprocess.run(
        [sys.executable, "-c", RUN_ALL, backend], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) > 40
