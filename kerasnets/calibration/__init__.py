"""Probabilities that mean what they say, and the answer "unknown" where they are too low."""
