"""How good predictions are, image by image, class by class and in all, each number with how sure it is."""
