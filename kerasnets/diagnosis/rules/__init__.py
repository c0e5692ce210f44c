"""Rules over the records of a training, a module a topic."""
