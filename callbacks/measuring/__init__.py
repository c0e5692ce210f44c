"""What callbacks measure, as pure functions of tensors, and how they see what an optimizer applies."""
