"""Whether a training is healthy, why not, what to do: rules over records, checks before training."""
