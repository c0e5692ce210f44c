"""Where images come from: a module a source, and what loads them."""
