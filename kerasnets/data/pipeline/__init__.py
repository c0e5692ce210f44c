"""From a split to batches: which examples, how they are read, what is kept decoded."""
