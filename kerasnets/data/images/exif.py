"""The orientation of a photo."""

import struct


def exif_orientation(exif: bytes) -> int:
    """Return the orientation (1 to 8) in EXIF data; 1 where there is none, or none that exists.

    Args:
        exif: the bytes of a TIFF header and what follows (Exif 2.32, section 4.5).
    """
    try:
        order = {b"II": "<", b"MM": ">"}[exif[:2]]
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (entries,) = struct.unpack_from(f"{order}H", exif, start)
        for entry in range(start + 2, start + 2 + 12 * entries, 12):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", exif, entry)
            if tag == 0x0112:
                return value if kind == 3 and 1 <= value <= 8 else 1
    except (KeyError, struct.error):
        pass
    return 1
