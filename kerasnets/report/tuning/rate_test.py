"""The curve of the learning rate range test."""

from kerasnets.rate_range.curve.rate_range import EVENTS, RateRange
from kerasnets.rate_range.picture import draw_range
from kerasnets.report.section import Picture, Section, Table


def range_sections(rates: RateRange | None) -> list[Section]:
    """Return the section of the range test; none where there was none."""
    if rates is None:
        return []
    found = [(words, getattr(rates, name)) for name, words in EVENTS.items()]
    rows = [(words, "not seen" if rate is None else f"{rate:.3g}") for words, rate in found]
    if rates.low is not None and rates.high is not None:
        rows.append(("range for the search", f"{rates.low:.3g} to {rates.high:.3g}"))
    cost = "" if rates.trainings is None else f", {rates.trainings:.2f} trainings"
    rows.append(("cost", f"{rates.steps:,} steps{cost}"))
    caption = (
        "The rate rises step by step, on a copy of the network. Above: the smoothed loss, pale by seed, "
        "solid their mean; below: how large updates are by the weights. The band is the range to search."
    )
    picture = Picture("range", "Loss and update ratio by learning rate", draw_range(rates))
    return [
        Section(
            anchor="range-test",
            title="Range test",
            caption=caption,
            pictures=(picture,),
            tables=(Table(("learning rate", ""), tuple(rows)),),
        )
    ]
