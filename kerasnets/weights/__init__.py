"""Weights that others published, into the layers of ours."""
