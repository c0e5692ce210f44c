"""Exported formats in the runtimes that others have: opened, asked, measured, verified."""
