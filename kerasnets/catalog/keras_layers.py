"""Keras's image preprocessing layers as augmentation: which may be named, and why others may not."""

LAYERS = (
    "AutoContrast",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "Equalization",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "Solarization",
)
"""Layers that keep the size of images, need no labels, and draw random numbers by their `generator` alone."""

_SIZE = "changes the size of images: do that in [[preprocess]], or take pad_crop or random_resized_crop"

REFUSED = {
    "AugMix": "chooses its changes once, by Python's random numbers: take rand_augment",
    "CenterCrop": _SIZE,
    "CutMix": "needs labels too: take cutmix",
    "MaxNumBoundingBoxes": "is for bounding boxes",
    "MixUp": "needs labels too: take mixup",
    "RandomCrop": _SIZE,
    "Resizing": _SIZE,
}
"""The other layers that Keras has, and why each cannot be applied to images by themselves."""
