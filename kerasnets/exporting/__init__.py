"""Runs as files for others: SavedModel and ONNX, checked before they are written."""
