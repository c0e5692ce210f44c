"""A benchmark of faults that people had in their programs, each with its corrected twin; sound trainings."""
