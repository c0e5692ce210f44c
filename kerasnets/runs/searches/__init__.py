"""The folder of a search: its trials, what it searches, what it found."""
