"""What others call the layers of our architectures."""
