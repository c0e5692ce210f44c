"""The table [data.audit]: what is done about each kind of thing that is wrong or odd in the data."""

from typing import Annotated, Literal

from pydantic import Field

from kerasnets.recipe.base import Positive, Section

Refused = Literal["error", "skip"]
Kept = Literal["error", "skip", "keep"]
Fixed = Literal["error", "skip", "fix"]
FixedOrKept = Literal["error", "skip", "fix", "keep"]
Said = Literal["error", "keep"]


class Audit(Section):
    """A policy for each kind of finding; what they are, `kerasnets.catalog.audit_kinds.KINDS` says.

    "error" refuses to train; "skip" leaves the image out, or the class; "fix" puts it right; "keep" uses it
    as it is. All are said. An image that declares more than `max_pixels` is never decoded. Of the values of
    16-bit files the lower `significant_bits` bits count: 12 for a microscope's that writes 0 to 4095.
    """

    max_pixels: Positive = 89_478_485
    significant_bits: Annotated[int, Field(ge=9, le=16)] = 16
    empty_file: Refused = "error"
    unreadable: Refused = "error"
    broken_link: Refused = "error"
    symlink_loop: Refused = "error"
    unsupported_format: Refused = "error"
    truncated: Refused = "error"
    corrupt: Refused = "error"
    damaged: Kept = "error"
    bomb: Refused = "error"
    wrong_extension: Kept = "keep"
    odd_format: Kept = "keep"
    animated: Fixed = "fix"
    cmyk: Fixed = "fix"
    sixteen_bit: Fixed = "fix"
    unscaled_sixteen_bit: Kept = "error"
    palette: Fixed = "fix"
    alpha: FixedOrKept = "fix"
    exif_orientation: FixedOrKept = "fix"
    grey_among_colour: Fixed = "fix"
    tiny: Kept = "keep"
    extreme_aspect: Kept = "keep"
    blank: Kept = "keep"
    odd_name: Kept = "keep"
    hidden: Refused = "skip"
    other_file: Refused = "skip"
    other_folder: Refused = "skip"
    conflicting_labels: Kept = "keep"
    duplicate: Kept = "keep"
    duplicate_across_splits: Kept = "keep"
    near_duplicate: Kept = "keep"
    empty_class: Kept = "error"
    one_image_class: Kept = "keep"
    unknown_class: Refused = "error"
    class_missing_from_split: Said = "keep"
    imbalance: Said = "keep"
    label_without_file: Refused = "error"
    file_without_label: Refused = "skip"
