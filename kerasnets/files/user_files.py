"""Files that users name: regular ones, no larger than the memory there is, and text as people save it."""

import codecs
import os
import stat

from kerasnets.errors import UserError
from kerasnets.memory import available_memory

MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # begins as UTF-16's does
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Byte-order marks, and the encodings that remove them."""


def check_file(path: str | os.PathLike, what: str = "file") -> int:
    """Refuse what is no regular file, before it is opened: a FIFO could block, a device never end.

    Args:
        path: the file.
        what: what messages call it.

    Returns:
        Its size in bytes.

    Raises:
        UserError: not there, not accessible, or no regular file.
    """
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path}: no such {what}") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise UserError(f"{path}: not readable: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISREG(found.st_mode):
        raise UserError(f"{path}: found {kind_of(found.st_mode)}, allowed: a {what}")
    return found.st_size


def kind_of(mode: int) -> str:
    """Return in words what has a file mode that is not a regular file's: "a folder"."""
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def check_memory(size: int, what: object) -> None:
    """Refuse what would take more memory than this process can get.

    Args:
        size: bytes that are declared.
        what: what takes them, beginning with the file, for the message.

    Raises:
        UserError: less memory is available.
    """
    room = available_memory()
    if size > room:
        raise UserError(f"{what}: found {_gib(size)}, allowed: {_gib(room)}, the memory that is available")


def _gib(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB"


def read_bytes(path: str | os.PathLike, what: str = "file") -> bytes:
    """Return a file's bytes.

    Raises:
        UserError: not a regular file, not readable, or larger than the memory that is available.
    """
    check_memory(check_file(path, what), path)
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UserError(f"{path}: not readable: {error.strerror}") from error


def decoded(raw: bytes, otherwise: str = "strict") -> str:
    """Return the text of bytes in UTF-8, or in UTF-16 or UTF-32 with or without a byte-order mark.

    Args:
        raw: bytes.
        otherwise: the error handler of `codecs` for bytes that are not UTF-8.

    Raises:
        UnicodeDecodeError: they are in none of these.
    """
    for mark, encoding in MARKS.items():
        if raw.startswith(mark):
            return raw.decode(encoding)
    start = raw[:4096]
    if b"\0" in start:
        for encoding, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
            if 2 * zeros.count(0) > len(zeros):  # most text that has rows and commas
                return raw.decode(encoding)
    return raw.decode("utf-8", otherwise)


def read_text(path: str | os.PathLike, what: str = "file") -> str:
    """Return a file's text; see `decoded`.

    Raises:
        UserError: as `read_bytes`; or a line that is no text.
    """
    raw = read_bytes(path, what)
    try:
        return decoded(raw)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        found = f"found the byte 0x{raw[error.start]:02x} in line {line}"
        raise UserError(f"{path}: {found}, allowed: text in UTF-8") from None
