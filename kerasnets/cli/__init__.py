"""The `kerasnets` command."""
