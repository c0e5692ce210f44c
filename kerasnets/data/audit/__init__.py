"""The audit: what is wrong or odd in a dataset's images, found before the first training step."""
