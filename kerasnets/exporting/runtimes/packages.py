"""Which packages an export's formats need that kerasnets does not always bring."""

from importlib.util import find_spec

from kerasnets.catalog.export_formats import EXPORT_FORMATS
from kerasnets.errors import UserError


def missing_package(name: str) -> str:
    """Return what a format needs and is not installed, and how to install it; or an empty string.

    Args:
        name: a key of `EXPORT_FORMATS`.
    """
    wanted = EXPORT_FORMATS[name]
    missing = next((package for package in wanted.packages if find_spec(package) is None), None)
    if missing is None:
        return ""
    return f"needs {missing}: install the extra, pip install 'kerasnets[{wanted.extra}]'"


def check_packages(name: str) -> None:
    """Raise UserError unless the packages that a format needs are installed."""
    if missing := missing_package(name):
        raise UserError(f"--format {name} {missing}")
