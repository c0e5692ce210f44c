"""From a folder or a table to a proposal: `kerasnets new`."""

import logging
import os
import shlex
from collections.abc import Callable
from pathlib import Path

from kerasnets.errors import UserError
from kerasnets.models import check_name
from kerasnets.proposing.look import look_at_images, look_at_machine
from kerasnets.proposing.networks import choose_network, searched_networks, wants_weights
from kerasnets.proposing.pace import measure_pace, within
from kerasnets.proposing.plan import make_plan
from kerasnets.proposing.proposal import Proposal, write_down
from kerasnets.weights.availability import NoWeights, PublishedWeights, find_weights, weights_of_file

log = logging.getLogger("kerasnets")


def propose(
    path: Path,
    *,
    file: str = "",
    network: str | None = None,
    weights: str | os.PathLike[str] | None = None,
    scratch: bool = False,
    minutes: float | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Proposal:
    """Return a recipe for the images of a folder or a table; see `kerasnets.new_recipe`.

    Args:
        path: the folder or the table.
        file: where the recipe will be written, for what it says of itself; empty for nowhere.
        network, weights, scratch, minutes, progress: as of `kerasnets.new_recipe`.
    """
    _check(network, weights, scratch=scratch, minutes=minutes)
    given = weights_of_file(weights, network) if weights else None
    data = look_at_images(path, progress)
    machine = look_at_machine()
    searched = (network,) if network else searched_networks(machine)
    found: PublishedWeights | NoWeights | None = given
    if given is None and not scratch and wants_weights(data):
        found = find_weights(searched)
    missing = found if isinstance(found, NoWeights) else None
    if missing:
        log.warning("%s; training from nothing, which on few images is much less accurate", missing)
    usable = found if isinstance(found, PublishedWeights) else None
    plan = make_plan(data, machine, choose_network(data, machine, usable, asked=network))
    command = f"kerasnets new {shlex.quote(str(path))}"
    lines = (str(missing),) if missing else ()
    if minutes is not None:
        pace = measure_pace(write_down(plan, command=command).recipe)
        plan = within(plan, minutes, pace)
    return write_down(plan, command=command, file=file, missing=lines)


def _check(
    network: str | None, weights: str | os.PathLike[str] | None, *, scratch: bool, minutes: float | None
) -> None:
    """Refuse what can be refused before any image is looked at."""
    if network:
        try:
            check_name(network)
        except UserError as error:
            raise UserError(f"--network: {error}") from None
    if scratch and weights:
        raise UserError("--scratch and --weights: allowed: one of them")
    if minutes is not None and not minutes > 0:
        raise UserError(f"--minutes: found {minutes:g}, allowed: above 0")
