"""Who is told of a run while it goes on besides its own files: TensorBoard, a tracking server."""
