"""The kinds of finding that an audit makes, and what may be done about each. Loads nothing."""

from dataclasses import dataclass

from kerasnets.catalog.image_formats import formats_read

MAX_PIXELS = 89_478_485
"""Declared pixels above which an image is not decoded; Pillow's limit (a quarter of a GiB of RGB)."""


@dataclass(frozen=True)
class Kind:
    """A kind of finding.

    Attributes:
        policies: what may be done about it, of `DONE`.
        default: the policy where a recipe gives none.
        meaning: what it is, in one line.
        of_pixels: whether it is about one file's pixels: its policy then applies wherever an image is read;
            the others are about a collection (names, copies, odd ones out) and apply where one is listed.
    """

    policies: tuple[str, ...]
    default: str
    meaning: str
    of_pixels: bool = False


DONE = {"error": "refused", "skip": "left out", "fix": "fixed", "keep": "kept as it is"}
"""The policies, each with the words for what it has done to an image."""

_OUT = ("error", "skip")
_KEPT = ("error", "skip", "keep")
_FIXED = ("error", "skip", "fix")

KINDS = {
    "empty_file": Kind(_OUT, "error", "a file of zero bytes", of_pixels=True),
    "unreadable": Kind(
        _OUT, "error", "no permission, or a folder, FIFO, socket or device named as an image", of_pixels=True
    ),
    "broken_link": Kind(_OUT, "error", "a symbolic link to nothing"),
    "symlink_loop": Kind(_OUT, "error", "a symbolic link that leads back to itself or to a folder above it"),
    "unsupported_format": Kind(_OUT, "error", f"no {formats_read()} that can be read", of_pixels=True),
    "truncated": Kind(_OUT, "error", "the file ends before its image does", of_pixels=True),
    "corrupt": Kind(_OUT, "error", "the decoder refuses the data", of_pixels=True),
    "damaged": Kind(
        _KEPT,
        "error",
        "the decoder makes pixels of it, but the data is bad: part of them may be garbage",
        of_pixels=True,
    ),
    "bomb": Kind(
        _OUT, "error", "declares more pixels than data.audit.max_pixels; never decoded", of_pixels=True
    ),
    "wrong_extension": Kind(_KEPT, "keep", "the name is of another format; decoded by content"),
    "odd_format": Kind(_KEPT, "keep", "one of few images in a format that hardly any other image has"),
    "animated": Kind(_FIXED, "fix", "several frames; fix: the first one", of_pixels=True),
    "cmyk": Kind(_FIXED, "fix", "printing colours; fix: converted to RGB", of_pixels=True),
    "sixteen_bit": Kind(_FIXED, "fix", "16 bits a channel; fix: the upper eight", of_pixels=True),
    "unscaled_sixteen_bit": Kind(
        _KEPT,
        "error",
        "16 bits a channel, all values below a sixteenth of the range; keep: 16 levels or fewer",
        of_pixels=True,
    ),
    "palette": Kind(_FIXED, "fix", "colours by index; fix: the colours themselves", of_pixels=True),
    "alpha": Kind(
        ("error", "skip", "fix", "keep"),
        "fix",
        "transparency; fix: laid on white; keep: dropped",
        of_pixels=True,
    ),
    "exif_orientation": Kind(
        ("error", "skip", "fix", "keep"),
        "fix",
        "stored turned or mirrored; fix: turned upright",
        of_pixels=True,
    ),
    "grey_among_colour": Kind(_FIXED, "fix", "no colour where most images have; fix: R = G = B"),
    "tiny": Kind(_KEPT, "keep", "sides less than an eighth of the others'"),
    "extreme_aspect": Kind(
        _KEPT, "keep", "one side more than eight times the other: resized in proportion, its ends are cut off"
    ),
    "blank": Kind(_KEPT, "keep", "one colour from corner to corner"),
    "odd_name": Kind(_KEPT, "keep", "a name that is not UTF-8, or with control characters or outer spaces"),
    "hidden": Kind(_OUT, "skip", "a name that starts with a dot, or that a file manager left"),
    "other_file": Kind(_OUT, "skip", "no image by its name"),
    "other_folder": Kind(_OUT, "skip", "a folder where none belongs; nothing in it is used"),
    "conflicting_labels": Kind(_KEPT, "keep", "the same bytes with two labels; skip: all of them"),
    "duplicate": Kind(_KEPT, "keep", "the same bytes twice in a split; skip: all but the first"),
    "duplicate_across_splits": Kind(
        _KEPT, "keep", "the same bytes in two splits; skip: the copy in training, else in validation"
    ),
    "near_duplicate": Kind(
        _KEPT,
        "keep",
        "looks like another image; skip: the copy in training, else in validation, else the later one",
    ),
    "empty_class": Kind(_KEPT, "error", "a class without images; skip: no such class"),
    "one_image_class": Kind(_KEPT, "keep", "a class with one training image; skip: no such class"),
    "unknown_class": Kind(_OUT, "error", "a class that training has no image of; skip: no such class"),
    "class_missing_from_split": Kind(("error", "keep"), "keep", "a class that is never measured"),
    "imbalance": Kind(
        ("error", "keep"), "keep", "ten times as many training images in one class as in another"
    ),
    "label_without_file": Kind(_OUT, "error", "a table names an image that is not there"),
    "file_without_label": Kind(
        _OUT, "skip", "an image that belongs to no class, or that the table does not name"
    ),
}

PIXEL_KINDS = tuple(name for name, kind in KINDS.items() if kind.of_pixels)

DEFAULTS = {name: kind.default for name, kind in KINDS.items()}
"""The policy of each kind where a recipe gives none."""


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes:
        kind: one of `KINDS`.
        path: the file or folder; empty where it is about a class or a split as a whole.
        detail: what was found, in a few words.
        split: "train", "validation", "test" or empty.
        class_name: the class, or empty.
    """

    kind: str
    path: str
    detail: str
    split: str = ""
    class_name: str = ""
