"""What the images ask for: the tables of a recipe but for those of its training."""

from collections.abc import Iterator

from kerasnets.catalog.audit_kinds import KINDS
from kerasnets.proposing.facts import DataFacts
from kerasnets.proposing.networks import Network
from kerasnets.proposing.recipe_text import Line, Table

SMALL = 64
"""Height and width of an input, in pixels, up to which images are used whole; of larger ones a crop is."""

WEIGHTED, RESAMPLED = 3, 10
"""Times as many images in the largest class as in the smallest from which small ones count more in the loss,
and from which they come more often: weights above ten make single images throw the steps about."""


def image_tables(data: DataFacts, network: Network) -> Iterator[Table]:
    """Yield the tables of a recipe for these images and this network, up to the augmentation."""
    yield _model(network, data)
    yield _data(data, network)
    yield from _audit(data)
    yield from _preprocess(network, data)
    if data.targets:
        yield Table("loss", (Line("name", "mean_squared_error", "numbers are predicted, not classes"),))
        return  # to mirror, move or crop an image may change its numbers
    yield from _augment(network)
    if WEIGHTED <= data.imbalance < RESAMPLED:
        why = f"the largest class has {data.imbalance:.3g} times the images of the smallest"
        yield Table("loss", (Line("class_weights", "balanced", why),))


def _model(network: Network, data: DataFacts) -> Table:
    lines = [Line("name", network.name, network.why)]
    lines += [Line("options", network.options, _why_options(network))] if network.options else []
    if network.weights:
        lines += [
            Line("weights", network.weights.file, "of a million photos: more than few images can teach"),
            Line("new_head", True, f"{_outputs(data)}, not the classes of these weights"),
        ]
    return Table("model", tuple(lines))


def _outputs(data: DataFacts) -> str:
    return f"{len(data.targets)} numbers" if data.targets else f"{len(data.classes)} classes"


def _why_options(network: Network) -> str:
    if network.weights:
        return "as these weights have it"
    return "usual today; the paper has tanh and averages" if network.name == "lenet5" else ""


def _data(data: DataFacts, network: Network) -> Table:
    lines = [Line("source", data.source), Line("path", data.path)]
    if network.channels == 1:
        lines.append(Line("channels", 1, "no image has colour"))
    for split, share in (("validation", 0.1), ("test", 0.2)):
        if split in data.drawn:
            why = f"drawn from train: {data.images[split]:,} images" + (
                ", always the same" if split == "test" else ", by train.seed"
            )
            lines.append(Line(split, share, why))
        elif split not in data.images:
            lines.append(Line(split, 0.0, _why_none(split, data)))
    if data.imbalance >= RESAMPLED:
        why = f"the largest class has {data.imbalance:.3g} times the images of the smallest"
        lines.append(Line("sampling", "balanced", why))
    return Table("data", tuple(lines))


def _why_none(split: str, data: DataFacts) -> str:
    if split == "test" and "validation" in data.images and "validation" not in data.drawn:
        return "none given; validation images are there, and decide nothing here"
    return "too few images to hold any out"


def _audit(data: DataFacts) -> Iterator[Table]:
    """Yield the table that says what becomes of what the audit found, where something has to be said."""
    lines = [
        Line(each.kind, "skip", f"{each.count:,}: {each.first}") for each in (*data.refused, *data.doubtful)
    ]
    lines += [
        Line(each.kind, "skip", f"{each.count:,} to look at: {each.first}", advised=True)
        for each in data.odd
        if "skip" in KINDS[each.kind].policies
    ]
    if lines:
        yield Table("data.audit", tuple(lines))


def _preprocess(network: Network, data: DataFacts) -> Iterator[Table]:
    size = network.size
    if size <= SMALL:
        yield _step("resize", Line("size", [size, size], _why_size(network, data)), *_fit(data))
    else:
        short = round(size * 8 / 7)
        yield _step("resize", Line("short_side", short, _why_size(network, data)))
        training = "" if data.targets else "; training crops at random"
        yield _step("center_crop", Line("size", [size, size], f"the middle{training}"))
    if network.weights and network.weights.values:
        for number, table in enumerate(network.weights.values):
            op, *others = table.items()
            why = "as images were prepared for these weights" if not number else ""
            lines = tuple(Line(key, list(v) if isinstance(v, tuple) else v) for key, v in others)
            yield Table("preprocess", (Line(*op, why), *lines), repeated=True)
    else:
        yield Table("preprocess", (Line("op", "standardize", "mean 0, deviation 1"),), repeated=True)


def _step(op: str, *lines: Line) -> Table:
    return Table("preprocess", (Line("op", op), *lines), repeated=True)


def _fit(data: DataFacts) -> Iterator[Line]:
    if not data.grey and max(data.height, data.width) > 1.1 * data.short_side:
        yield Line("fit", "crop", "keeps proportions")


def _why_size(network: Network, data: DataFacts) -> str:
    enlarged = f"; enlarged, as half of the images have {data.short_side} or fewer"
    by = "weights were trained on" if network.weights else "network takes"
    return f"then {network.size} pixels, which the {by}" * (network.size > SMALL) + enlarged * (
        data.short_side < network.size and not data.one_size
    )


def _augment(network: Network) -> Iterator[Table]:
    if network.size > SMALL:
        area = [0.5, 1.0] if network.weights else [0.25, 1.0]
        yield _change("random_resized_crop", Line("area", area, "share of a photo that is shown"))
        yield _change("flip", why="mirrored photos are photos; not so with letters")
    elif network.channels == 1:
        yield _change("pad_crop", Line("padding", 2, "pixels; no flip: mirrored digits are none"))
    else:
        yield _change("pad_crop", Line("padding", network.size // 8, "pixels"))
        yield _change("flip", why="mirrored photos are photos; not so with letters")


def _change(op: str, *lines: Line, why: str = "") -> Table:
    return Table("augment", (Line("op", op, why), *lines), repeated=True)
