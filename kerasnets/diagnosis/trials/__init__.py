"""Checks before training that take a few steps on one batch, and put everything back."""
