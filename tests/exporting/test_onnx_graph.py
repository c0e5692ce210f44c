"""Weights put into an ONNX graph that was written without them, and what that takes of memory."""

import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from places import SUPPORT

from kerasnets.exporting.formats.onnx_graph import put_in


def test_weights_become_constants_as_nodes_want_them():
    """A kernel is transposed once, a bias reshaped once; what also takes images stays a node."""
    nodes = [
        helper.make_node("Transpose", ["kernel"], ["turned"], perm=[3, 2, 0, 1]),
        helper.make_node("Conv", ["images", "turned"], ["found"]),
        helper.make_node("Reshape", ["bias", "shape"], ["wide"]),
        helper.make_node("Add", ["found", "wide"], ["sum"]),
        helper.make_node("Transpose", ["sum"], ["outputs"], perm=[0, 2, 3, 1]),
    ]
    given = {"images": ["N", 2, 5, 5], "kernel": [3, 3, 2, 4], "bias": [4], "unused": [7]}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name, size in given.items()]
    output = helper.make_tensor_value_info("outputs", TensorProto.FLOAT, ["N", 3, 3, 4])
    shape = numpy_helper.from_array(np.array([1, 4, 1, 1]), "shape")
    graph = helper.make_graph(nodes, "conv", inputs, [output], [shape])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    draws = np.random.default_rng(0)
    values = {name: draws.normal(size=[n if n != "N" else 3 for n in size]) for name, size in given.items()}
    values = {name: value.astype("float32") for name, value in values.items()}
    right = onnxruntime.InferenceSession(model.SerializeToString()).run(None, values)[0]

    images = values.pop("images")
    put_in(model.graph, values)
    onnx.checker.check_model(model)
    assert [each.name for each in model.graph.input] == ["images"]
    assert [each.op_type for each in model.graph.node] == ["Conv", "Add", "Transpose"]
    assert sorted(list(each.dims) for each in model.graph.initializer) == [[1, 4, 1, 1], [4, 2, 3, 3]]
    found = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"images": images})[0]
    np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-6)


WRITE = """
import sys
from pathlib import Path
from kerasnets import runtime
runtime.prepare()
from bare_networks import bare_network
from kerasnets.benchmarking.timing import resident_bytes
from kerasnets.exporting.formats.onnx_file import write_onnx
member = bare_network("alexnet", (227, 227, 3), 1000)
before = resident_bytes()[0]
write_onnx([member], Path(sys.argv[1]))
taken = resident_bytes()[1] - before
print(taken / (4 * member.network.count_params()))
"""


@pytest.mark.exhaustive
def test_memory_is_a_few_times_the_weights(tmp_path):
    """AlexNet's are 249 MB; Keras's exporter by itself takes fifty times as much."""
    command = [sys.executable, "-c", WRITE, str(tmp_path / "model.onnx")]
    done = subprocess.run(command, cwd=SUPPORT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert 1 < float(done.stdout) < 8
