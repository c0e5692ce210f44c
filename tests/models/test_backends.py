"""Every architecture runs forward on Keras's other backends, where TensorFlow is never loaded."""

import importlib.util
import os
import subprocess
import sys

import pytest
from places import SUPPORT

RUN_ALL = """
import sys
import keras
import numpy as np
import kerasnets
from kerasnets.models import BUILDERS
from kerasnets.sizing.layers import shapes_only
from small import small_input

backend = keras.backend.backend()
assert backend == sys.argv[1]


def drawn(variable):
    # small kernels: without batches to normalize by, 600 residual blocks must not add up beyond float32
    if len(variable.shape) < 2:
        return generator.uniform(0.5, 1, variable.shape).astype(variable.dtype)
    size = np.float32(0.1 * np.sqrt(2 / np.prod(variable.shape[:-1])))
    return size * generator.standard_normal(variable.shape, "float32")


for name in BUILDERS:
    generator = np.random.default_rng(0)
    with shapes_only():  # JAX would compile an initializer for every shape there is
        options = {"units": 16} if name.startswith("vgg") else {}
        model = kerasnets.build(name, small_input(name), 3, **options)
    weights = [list(map(drawn, each)) for each in (model.trainable_variables, model.non_trainable_variables)]
    images = generator.normal(size=(2, *model.input_shape[1:])).astype("float32")
    forward = lambda trainable, rest, x: model.stateless_call(trainable, rest, x)[0]
    if backend == "jax" and len(model.layers) < 1000:  # one compilation, not one for every operation
        import jax
        forward = jax.jit(forward)
    logits = keras.ops.convert_to_numpy(forward(*weights, images))
    assert logits.shape == (2, 3), name
    assert np.isfinite(logits).all(), name
assert "tensorflow" not in sys.modules
print(len(BUILDERS))
"""


@pytest.mark.exhaustive
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_every_architecture_runs_forward(backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed (extra: backends)")
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(SUPPORT)}
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # compiling takes longer than running
    done = subprocess.run(
        [sys.executable, "-c", RUN_ALL, backend], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) > 40
