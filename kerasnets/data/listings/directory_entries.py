"""The kind of thing under a name in a folder, found without opening it, so that nothing blocks."""

import errno
import os
import stat
from pathlib import Path

from kerasnets.catalog.audit_kinds import Finding
from kerasnets.data.images.formats import is_image_name
from kerasnets.files.user_files import kind_of

_LEFT_BEHIND = ("thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx")
"""Names of what file managers leave in folders."""


def is_hidden(name: str) -> bool:
    """Return whether a file manager would not show this name, or has made the file itself."""
    return name.startswith(".") or name.lower() in _LEFT_BEHIND


def problem_of(path: str) -> tuple[str, str] | None:
    """Return why `path` cannot be read as a file, as (kind, detail), or None where it is a regular file."""
    try:
        found = os.stat(path)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "symlink_loop", "a link that leads back to itself"
        if error.errno == errno.ENOENT and os.path.islink(path):
            return "broken_link", f"a link to {os.readlink(path)!r}, which is not there"
        return "unreadable", str(error.strerror)
    return None if stat.S_ISREG(found.st_mode) else ("unreadable", what_is(found.st_mode))


def unusable(path: str) -> tuple[str, str] | None:
    """Return why there is no image file at `path`, as (kind, detail), or None where there may be one."""
    problem = problem_of(path)
    if is_image_name(os.path.basename(path)):
        return problem
    if problem is None:
        return "other_file", "no image by its name"
    if os.path.isdir(path):
        looped = leads_upwards(path)
        return ("symlink_loop", "a link to a folder above it") if looped else ("other_folder", "a folder")
    return ("other_file", problem[1]) if problem[0] == "unreadable" else problem


def what_is(mode: int) -> str:
    """Return in words what has a file mode that is not a regular file's."""
    return f"{kind_of(mode)}, not a file"


def leads_upwards(path: str | Path) -> bool:
    """Return whether a folder is a link to itself or to a folder above it."""
    target = os.path.realpath(path)
    above = os.path.realpath(os.path.dirname(path))
    return os.path.islink(path) and (above == target or above.startswith(target.rstrip("/") + "/"))


def listed(folder: str | Path) -> tuple[list[str], list[Finding]]:
    """Return (names in a folder, findings), both in the order of the names' bytes, whatever the locale.

    Hidden names become findings and are not among the names; so does a folder that cannot be listed.
    """
    try:
        names = sorted(os.listdir(folder), key=os.fsencode)
    except OSError as error:
        return [], [Finding("unreadable", str(folder), str(error.strerror))]
    hidden = [Finding("hidden", os.path.join(folder, name), "hidden") for name in names if is_hidden(name)]
    return [name for name in names if not is_hidden(name)], hidden
