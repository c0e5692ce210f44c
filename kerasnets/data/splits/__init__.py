"""Which images are training, validation and test images, and what a run remembers of them."""
