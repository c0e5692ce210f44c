"""What a proposal is made from: what the images and the machine say, as plain numbers and words."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Noticed:
    """What an audit found of one kind.

    Attributes:
        kind: a key of `kerasnets.catalog.audit_kinds.KINDS`.
        count: how often.
        first: the first one, in words: its file and what is odd about it.
    """

    kind: str
    count: int
    first: str


@dataclass(frozen=True)
class Target:
    """A number that is to be predicted, over the training images.

    Attributes:
        low, high: the least and the greatest.
        mean: of all.
        deviation: standard deviation of all.
    """

    low: float
    high: float
    mean: float
    deviation: float


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """What the images say.

    Attributes:
        source: "folder", "csv" or "tfrecord".
        path: absolute path of the folder or the table.
        name: a recipe's name made of it.
        images: mapping of split to the number of its images, those drawn included.
        drawn: the splits that were drawn from the training images.
        classes: training images by class name, in the order of the labels; empty of numeric targets.
        targets: numeric targets by name; empty of classes.
        height, width: the median of the images' sizes, in pixels, upright.
        one_size: whether all have this size.
        grey: whether hardly any has colour.
        refused: findings for which training would refuse to begin.
        doubtful: findings on images that mislead what is measured: copies in two splits, two labels for one.
        odd: findings on a few images that somebody should look at.
    """

    source: str
    path: str
    name: str
    images: Mapping[str, int]
    drawn: tuple[str, ...]
    classes: Mapping[str, int]
    height: int
    width: int
    one_size: bool
    grey: bool
    refused: tuple[Noticed, ...] = field(default=())
    doubtful: tuple[Noticed, ...] = field(default=())
    odd: tuple[Noticed, ...] = field(default=())
    targets: Mapping[str, Target] = field(default_factory=dict)

    @property
    def short_side(self) -> int:
        """The shorter of the medians of height and width, in pixels."""
        return min(self.height, self.width)

    @property
    def imbalance(self) -> float:
        """How many times as many training images the largest class has as the smallest; 1 without classes."""
        return max(self.classes.values(), default=1) / max(1, min(self.classes.values(), default=1))


@dataclass(frozen=True)
class MachineFacts:
    """What the machine says.

    Attributes:
        text: its devices in words.
        gpus: how many TensorFlow can use.
    """

    text: str
    gpus: int
