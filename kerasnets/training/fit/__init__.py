"""The training step on any number of replicas, and the loop around it."""
