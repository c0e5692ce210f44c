"""An export that is opened: a SavedModel or an ONNX file behind one face."""
