"""`kerasnets serve`: an export answers over HTTP, and a page shows what it sees."""
