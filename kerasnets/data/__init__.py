"""From images to batches: sources, preprocessing, augmentation, pipeline."""
