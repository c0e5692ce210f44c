"""All studies by name, for listing. Loads nothing."""

from dataclasses import dataclass

from kerasnets.errors import UserError, nearest


@dataclass(frozen=True)
class Listed:
    """A study as it is listed.

    Attributes:
        claim: what it shows, one sentence.
        module: the module whose `STUDY` is the `kerasnets.studies.study.Study`.
    """

    claim: str
    module: str


STUDIES: dict[str, Listed] = {
    "faults": Listed(
        "Faults that people had are found and named, and sound trainings are left in peace.",
        "kerasnets.studies.faults.study",
    ),
    "filters": Listed(
        "First-layer filters show whether a training went well: edges and blobs, or noise.",
        "kerasnets.studies.filters",
    ),
    "rates": Listed(
        "The loss tells four learning rates apart: very high, high, good and low.",
        "kerasnets.studies.rates",
    ),
    "tuning": Listed(
        "A search in stages finds a learning rate as good as the best of a full grid.",
        "kerasnets.studies.tuning.study",
    ),
    "variance": Listed(
        "Initialization decides whether a signal survives nine layers.", "kerasnets.studies.variance"
    ),
}
"""All studies by name."""


def check_study(name: str) -> None:
    """Raise UserError unless there is a study of that name."""
    if name not in STUDIES:
        allowed = ", ".join(STUDIES)
        raise UserError(f"study: found {name!r}, allowed: {allowed}{nearest(name, STUDIES)}")
