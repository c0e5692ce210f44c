"""The table of [[augment]] that is a Keras layer: which there are, and why some are not among them."""

from typing import Literal

from pydantic import ConfigDict

from kerasnets.recipe.base import Section

SIZE = "changes the size of images: do that in [[preprocess]], or take pad_crop or random_resized_crop"
REFUSED = {
    "AugMix": "chooses its changes once, by Python's random numbers: take rand_augment",
    "CenterCrop": SIZE,
    "CutMix": "needs labels too: take cutmix",
    "MaxNumBoundingBoxes": "is for bounding boxes",
    "MixUp": "needs labels too: take mixup",
    "RandomCrop": SIZE,
    "Resizing": SIZE,
}


def not_refused(table):
    """Refuse the table of a layer that cannot be applied to images by themselves, with the reason."""
    op = table.get("op") if isinstance(table, dict) else None
    if isinstance(op, str) and op in REFUSED:
        raise ValueError(f"{op} {REFUSED[op]}")
    return table


class KerasLayer(Section):
    """A Keras layer by its name; the other keys are its own, checked where Keras is loaded."""

    model_config = ConfigDict(extra="allow")

    op: Literal[
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
    ]
