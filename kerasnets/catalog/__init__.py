"""Lists that recipe and data share, each written once. Loads nothing."""
