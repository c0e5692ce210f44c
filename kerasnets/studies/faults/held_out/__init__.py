"""Programs and sound trainings that no rule was tuned on, written before any of their findings was seen."""
