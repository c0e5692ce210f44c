"""The page at the server's address: drop an image, see what the model makes of it."""
