"""Weight files: tensors by name, whoever wrote them."""
