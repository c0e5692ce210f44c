"""Which formats `--all` writes here, and why it leaves others out."""

from collections.abc import Sequence

from kerasnets.catalog.export_formats import EXPORT_FORMATS
from kerasnets.errors import UserError
from kerasnets.exporting.formats.whole_model import check_same_spatial
from kerasnets.exporting.runtimes.packages import missing_package
from kerasnets.runs.trained_run import TrainedRun


def possible_formats(members: Sequence[TrainedRun]) -> tuple[list[str], list[str]]:
    """Return the formats that runs can be written in here, and a line on each other one."""
    reasons = {name: _reason(name, members) for name in EXPORT_FORMATS}
    left_out = [f"{name}: left out: {reason}" for name, reason in reasons.items() if reason]
    return [name for name, reason in reasons.items() if not reason], left_out


def _reason(name: str, members: Sequence[TrainedRun]) -> str:
    """Return why a format cannot hold these runs here, or an empty string."""
    if missing := missing_package(name):
        return missing
    takes = EXPORT_FORMATS[name].takes
    if takes == "prepared" and len(members) > 1:
        return "it holds one network, not several"
    if takes == "sized":
        try:
            check_same_spatial(members)
        except UserError as error:
            return str(error)
    return ""
