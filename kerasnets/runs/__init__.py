"""Run directories: what training leaves, read and written in one place."""
