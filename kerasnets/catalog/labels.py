"""Labels that are no class's."""

UNKNOWN = "unknown"
"""What a calibrated run answers where no class is probable enough."""
