"""What the losses of a range test say, whoever took the steps: a sweep, its reading, the record."""
