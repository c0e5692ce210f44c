"""From the bytes of an image file to its pixels, the same wherever this program reads one.

Training, evaluation, prediction, the audit and exported models see these pixels:

- *Formats.* JPEG, PNG, GIF, BMP, WebP, TIFF, AVIF and JPEG 2000, and HEIC where pillow-heif is installed,
  recognized by the first bytes, never by the name. TensorFlow decodes JPEG and PNG, Pillow the others.
  Anything else is `unsupported_format`.
- *Several frames* (`animated`): the first one; of a PNG the still image.
- *Palettes* (`palette`): the colours themselves.
- *Printing colours* (`cmyk`): JPEG: with an Adobe marker C·K/255, without one (255-C)·(255-K)/255, rounded
  down, and so on for M and Y; other formats as Pillow converts them.
- *More than 8 bits* (`sixteen_bit`): the upper eight of the bits that count, v >> (bits - 8). All 16 bits of
  a 16-bit file count unless `significant_bits` is lower; then higher values are white. It is the same for
  every image: none is stretched by its own range. A 16-bit image with no value above a sixteenth of the range
  would keep 16 levels or fewer: it is `unscaled_sixteen_bit`. A TIFF of 9 to 15 bits declares them.
- *Transparency* (`alpha`): `fix` lays each channel on white, (v·a + 255·(255-a)) / 255 to the nearest
  integer; `keep` drops the alpha channel. tRNS chunks and transparent palette entries count as alpha.
- *EXIF orientation* (`exif_orientation`): `fix` turns upright, `keep` leaves the pixels as stored. An AVIF's
  own rotation counts as one; a HEIC's its decoder has undone already.
- *Grey and colour.* Three channels of a grey image are equal. One channel of a colour image is its luminance
  (ITU-R BT.601): libjpeg's Y of a JPEG; libpng's of a PNG without transparency (0.299 R + 0.587 G + 0.114 B
  in fixed point); of all others (19595 R + 38470 G + 7471 B + 32768) >> 16, after transparency.
- *Damage.* `truncated`, `corrupt` and `empty_file` are refused; `damaged`, a JPEG that libjpeg decodes
  with a warning, by its policy: `keep` takes what libjpeg makes of it.
- *Size.* An image that declares more than `max_pixels` is never decoded: `bomb`.
- Colour profiles, gamma and XMP are ignored. Nothing is resized here.

A kind that is found and whose policy is `error` or `skip` refuses the file.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from kerasnets.catalog.audit_kinds import DEFAULTS, MAX_PIXELS, PIXEL_KINDS
from kerasnets.data.audit.image_checks import Inspected, InspectionSettings, inspect
from kerasnets.data.images.conversion import converted_pixels
from kerasnets.data.images.decoding import decode, upright


class ImageRefusedError(Exception):
    """The rules refuse a file.

    Attributes:
        kind: the kind of finding, of `PIXEL_KINDS`.
        detail: what was found, in a few words.
    """

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind, self.detail = kind, detail


@dataclass(frozen=True)
class ImageRules:
    """What a run decides about image files: its recipe's [data.audit] and its channels.

    Attributes:
        channels: 1 (grey) or 3 (RGB), what images are decoded to.
        policies: mapping of kind to policy; what is not in it has its default.
        max_pixels: an image that declares more is not decoded.
        significant_bits: bits that count in the values of 16-bit files, 9 to 16.
    """

    channels: int
    policies: Mapping[str, str] = field(default_factory=dict)
    max_pixels: int = MAX_PIXELS
    significant_bits: int = 16

    def policy(self, kind: str) -> str:
        """Return the policy of a kind of finding."""
        return self.policies.get(kind, DEFAULTS[kind])


def read_image(contents: bytes, rules: ImageRules) -> np.ndarray:
    """Return the pixels of an image file.

    Args:
        contents: the file's bytes.
        rules: policies and limits.

    Returns:
        uint8 (height, width, `rules.channels`), as the module's docstring defines them.

    Raises:
        ImageRefusedError: the first kind found whose policy refuses it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about metadata
        settings = InspectionSettings(rules.channels, rules.max_pixels, rules.significant_bits)
        found = inspect(contents, None, settings)
        for kind in PIXEL_KINDS:
            if kind in found.problems and rules.policy(kind) in ("error", "skip"):
                raise ImageRefusedError(kind, found.problems[kind])
        on_white = rules.policy("alpha") == "fix"
        if needs_conversion(found, on_white):
            pixels = converted_pixels(
                contents, rules.channels, on_white=on_white, significant_bits=rules.significant_bits
            )
        else:
            pixels = decode(tf.constant(contents), rules.channels)
    turned = found.orientation if rules.policy("exif_orientation") == "fix" else 1
    return upright(tf.constant(pixels), turned).numpy()


def needs_conversion(found: Inspected, on_white: bool) -> bool:
    """Return whether an inspected image's pixels are `converted_pixels`, not what TensorFlow decodes."""
    return found.converted or (found.transparent and on_white)
