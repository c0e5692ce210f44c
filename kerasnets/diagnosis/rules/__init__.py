"""Rules over the records of a training: pure functions from records to what is wrong now."""

from collections.abc import Callable

from kerasnets.diagnosis.finding import Finding
from kerasnets.diagnosis.records import Records

RULES: tuple[Callable[[Records], list[Finding]], ...] = ()
"""All rules, in the order in which their findings are told."""
