"""The layers of a network as rules see them: no Keras object, so that it can be kept as JSON."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LayerOutline:
    """A layer.

    Attributes:
        path: of the layer, see `kerasnets.layers.paths`.
        kind: name of its class, for instance "Conv2D".
        activation: name of its activation, for instance "relu"; None where it has none.
        kernel: shape of its kernel, or None.
        parameters: how many numbers it holds.
        trainable: whether it is trained.
    """

    path: str
    kind: str
    activation: str | None = None
    kernel: tuple[int, ...] | None = None
    parameters: int = 0
    trainable: bool = True
