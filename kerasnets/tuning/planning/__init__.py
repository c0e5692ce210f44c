"""What a search will do, and what came of it: pure functions of recipes and of records of trials."""
