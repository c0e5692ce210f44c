"""What rules must know of a training besides its records."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A training, as far as it is known; None and empty where it is not.

    Attributes:
        classes: number of classes; None for numeric targets.
        class_shares: share of each class among the training examples, 0 to 1.
        training_examples: how many there are.
        batch_size: examples in an optimizer step.
        epochs: of the whole training.
        optimizer: name of the optimizer, for instance "sgd".
        learning_rate: the highest one of the schedule.
        loss: name of the loss, for instance "categorical_crossentropy".
        l2: whether weights are decayed.
        dropout: whether the network has dropout.
        augmented: whether training images are augmented.
        pretrained: whether training began from trained weights.
        label_smoothing: 0 to 1.
        mixing: whether images are mixed with others (mixup, CutMix).
    """

    classes: int | None = None
    class_shares: tuple[float, ...] = ()
    training_examples: int | None = None
    batch_size: int | None = None
    epochs: int | None = None
    optimizer: str | None = None
    learning_rate: float | None = None
    loss: str | None = None
    l2: bool | None = None
    dropout: bool | None = None
    augmented: bool | None = None
    pretrained: bool | None = None
    label_smoothing: float = 0.0
    mixing: bool = False
