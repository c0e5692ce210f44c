"""Checks of a model and its data before any training."""
