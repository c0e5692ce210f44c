"""What finished runs predict, and how good it is."""
