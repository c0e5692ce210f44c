"""A plan as a recipe that says why."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from kerasnets.errors import few, printable
from kerasnets.proposing.facts import DataFacts
from kerasnets.proposing.optimization import training_tables
from kerasnets.proposing.plan import Plan
from kerasnets.proposing.recipe_text import recipe_text
from kerasnets.proposing.tables import image_tables
from kerasnets.recipe import Recipe
from kerasnets.recipe.loading import recipe_of_text


@dataclass(frozen=True)
class Proposal:
    """A recipe that says why. It prints as what was decided.

    Attributes:
        text: commented TOML.
        recipe: the same, checked.
        notes: lines for whoever asked for it.
    """

    text: str
    recipe: Recipe
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join(self.notes)


def write_down(plan: Plan, *, command: str, file: str = "", missing: Sequence[str] = ()) -> Proposal:
    """Return a plan as a recipe.

    Args:
        plan: what was decided.
        command: that asked for it, for the recipe's header and for messages.
        file: where it will be written; empty for nowhere.
        missing: lines on what would have been better, for the header.
    """
    data, network = plan.data, plan.network
    start = "from published weights" if network.weights else "from nothing"
    what = f"to predict {few(data.targets)}" if data.targets else f"on the {len(data.classes):,} classes"
    description = printable(f"{network.name} {start} {what} of {data.name}.")
    images = _images_text(data)
    header = [
        ("Proposed", f"by {command}: change what you know better"),
        ("Images", images),
        ("Machine", plan.machine.text),
        *(("Missing", line) for line in missing),
        *(("Numbers", line) for line in _scale_lines(data)),
    ]
    if file:
        quoted = shlex.quote(file)
        header += [
            ("Before", f"kerasnets check {quoted} says how long it takes, and what may be wrong"),
            ("Train", f"kerasnets train {quoted}"),
        ]
    text = recipe_text(description, header, [*image_tables(data, network), *training_tables(plan)])
    recipe = recipe_of_text(text, data.name, command)
    return Proposal(text, recipe, (f"images: {images}", *_notes(plan, recipe), *_scale_lines(data)))


def _images_text(data: DataFacts) -> str:
    sizes = ", ".join(f"{count:,} {split}" for split, count in data.images.items())
    drawn = f" ({' and '.join(data.drawn)} drawn from train)" if data.drawn else ""
    named = [f"{name} {count:,}" for name, count in data.classes.items()]
    named += [f"{name} from {each.low:.4g} to {each.high:.4g}" for name, each in data.targets.items()]
    what = "to predict" if data.targets else "to train"
    pixels = f"{'all' if data.one_size else 'about'} {data.height}x{data.width} pixels"
    colour = "grey" if data.grey else "colour"
    return printable(f"{sizes}{drawn}; {what} {few(named, 80)}; {pixels}, {colour}")


def _scale_lines(data: DataFacts) -> list[str]:
    """Return for each target whose numbers are far from 0 or 1 what would be easier to fit."""
    return [
        printable(
            f"{name} has mean {each.mean:.3g} and deviation {each.deviation:.3g}: a table with "
            f"({name} - {each.mean:.3g}) / {each.deviation:.3g} in its place trains in fewer epochs"
        )
        for name, each in data.targets.items()
        if each.deviation > 0 and not (0.1 <= each.deviation <= 10 and abs(each.mean) <= 10)
    ]


def _notes(plan: Plan, recipe: Recipe) -> tuple[str, ...]:
    network = plan.network
    start = f"weights {network.weights.file}" if network.weights else "from nothing"
    shape = f"{network.size}x{network.size}x{network.channels}"
    phases = ", then ".join(f"{each.epochs} of {' '.join(each.trainable)}" for each in recipe.train.phases)
    epochs = f"{recipe.train.epochs} epochs{f' ({phases})' * bool(phases)}"
    return (
        f"network: {network.name} on {shape}, {network.why}; {start}",
        f"training: {epochs} in batches of {plan.batch}",
    )
