"""The verdict on a training in one sentence. Loads nothing."""

from collections.abc import Iterable

from kerasnets.diagnosis.finding import Finding
from kerasnets.diagnosis.names import FAULTS

MOST_NAMED = 3
"""Faults that a verdict names at most."""

HEALTHY = "healthy: nothing found"

SEVERITY = (
    *(
        "labels_out_of_range",
        "softmax_twice",
        "last_activation_mismatch",
        "loss_mismatch",
        "constant_weights",
    ),
    *("constant_input", "batch_mixing", "unshuffled", "not_finite", "rate_too_high", "exploding_gradients"),
    *("vanishing_activations", "vanishing_gradients", "exploding_activations", "saturated_units"),
    *("dead_units", "no_gradient", "rate_too_low", "bad_initialization", "frozen_layers"),
    *("unnormalized_input", "stuck_at_majority", "stuck_at_chance", "loss_rising", "loss_flat"),
    *("loss_oscillating", "cannot_overfit_batch"),
)
"""Faults, the gravest and the causes of others first; those not listed follow, in the order of `FAULTS`."""

SYMPTOMS = (
    *("stuck_at_majority", "stuck_at_chance", "loss_rising", "loss_flat", "loss_oscillating"),
    *("underfitting", "cannot_overfit_batch"),
)
"""Faults that say how a training fares, not why."""

_ORDER = {rule: place for place, rule in enumerate(dict.fromkeys((*SEVERITY, *FAULTS)))}


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings by gravity: faults before remarks, lasting ones before ended ones."""
    return sorted(
        findings,
        key=lambda found: (
            found.note,
            found.ended is not None,
            _ORDER.get(found.rule, len(_ORDER)),
            found.step,
        ),
    )


def verdict(findings: Iterable[Finding], finished: bool = True) -> str:
    """Return one sentence: the faults that last, the gravest first, each with its evidence.

    Where symptoms alone last, the gravest cause that was found before is named besides.

    Args:
        findings: of one training, in any order; remarks (`note`) do not count.
        finished: whether the training is over; before, the sentence begins with "so far".
    """
    faults = [found for found in by_severity(findings) if not found.note]
    lasting = [found for found in faults if found.ended is None]
    before = "" if finished else "so far "
    if not lasting:
        passed = ", ".join(dict.fromkeys(f"{found.rule} ended at step {found.ended}" for found in faults))
        return before + (f"healthy: nothing lasts ({passed})" if passed else HEALTHY)
    named: dict[str, str] = {}
    for found in lasting:
        named.setdefault(found.rule, f"{found.rule}: {found.evidence}")
    more = len(named) - MOST_NAMED
    sentence = "; ".join(list(named.values())[:MOST_NAMED])
    return before + sentence + (f"; and {more} more" if more > 0 else "") + _earlier_cause(faults)


def _earlier_cause(faults: list[Finding]) -> str:
    """Return the gravest cause of faults, in their order, that has ended; "" where one lasts."""
    causes = [found for found in faults if found.rule not in SYMPTOMS]
    if not causes or causes[0].ended is None:
        return ""
    return f"; before, until step {causes[0].ended}, {causes[0].rule}: {causes[0].evidence}"
