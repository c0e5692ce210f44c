"""A recipe looked at before it is trained: what is wrong, what it will take."""
