"""Layers that Keras lacks, or has slower."""
