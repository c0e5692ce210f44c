"""Records of a run directory: a module each, which alone reads and writes it."""
