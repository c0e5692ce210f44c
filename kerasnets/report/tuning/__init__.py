"""page.html of a search."""
