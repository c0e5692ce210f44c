"""For trainings whose diagnostics no test reads: to trace what is measured of layers takes seconds."""

UNDIAGNOSED = (
    "diagnostics.update_ratio_every=0", "diagnostics.activation_stats_every=0",
    "diagnostics.gradient_stats_every=0", "diagnostics.weight_stats_every=0",
)  # fmt: skip
"""Overrides of a recipe."""
