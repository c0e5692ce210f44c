"""Files: those this program writes, which appear whole, and those that users name, which are checked."""
