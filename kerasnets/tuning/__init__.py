"""Searches over recipes."""
