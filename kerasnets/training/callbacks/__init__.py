"""Callbacks of our own training alone."""
