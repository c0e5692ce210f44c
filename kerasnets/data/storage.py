"""Where data that can be made again is kept between runs."""

import os
from pathlib import Path


def cache_folder():
    """Return the folder: kerasnets in $XDG_CACHE_HOME, or else in ~/.cache. It may not exist yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kerasnets"
