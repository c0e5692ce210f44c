"""Preprocessing: what turns raw images into a network's input."""
