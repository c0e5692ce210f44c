"""Checkpoints: written beside the training, read when it resumes."""
