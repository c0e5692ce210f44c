"""What finished runs predict of images that they were not trained on."""
