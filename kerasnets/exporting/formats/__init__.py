"""Runs in formats that need no TensorFlow: ONNX, OpenVINO, LiteRT, weight files."""
