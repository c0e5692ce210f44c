"""What a model costs before it is built: sizes, multiply-accumulates, memory."""
