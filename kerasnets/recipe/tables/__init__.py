"""The tables of a recipe, a module a table."""
